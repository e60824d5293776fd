// Files and whole folders, dropped or chosen, as `{name, file, handle}`; the name has the folders in it.

/** Everything in a drop, folders included. Call it in the event itself: its items are gone afterwards. */
export function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const started = items.map((item) => [item.getAsFileSystemHandle?.(), item.webkitGetAsEntry?.(), item.getAsFile()]);
  return (async () => {
    const found = [];
    for (const [handle, entry, file] of started) {
      const known = await Promise.resolve(handle).catch(() => null);
      if (known) await ofHandle(known, "", found);
      else if (entry) await ofEntry(entry, "", found);
      else if (file) found.push({ name: file.name, file });
    }
    return found;
  })();
}

/** The files of an `<input type=file>`. */
export function chosen(input) {
  return [...input.files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
}

async function ofHandle(handle, folder, found) {
  if (handle.kind === "file") {
    found.push({ name: folder + handle.name, file: await handle.getFile(), handle });
    return;
  }
  for await (const inner of handle.values()) await ofHandle(inner, `${folder}${handle.name}/`, found);
}

async function ofEntry(entry, folder, found) {
  if (entry.isFile) {
    found.push({ name: folder + entry.name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (some.length === 0) return;
    for (const inner of some) await ofEntry(inner, `${folder}${entry.name}/`, found);
  }
}

/** Makes an element take drops. */
export function takesDrops(element, taken) {
  for (const kind of ["dragenter", "dragover"]) {
    element.addEventListener(kind, (event) => { event.preventDefault(); element.classList.add("over"); });
  }
  element.addEventListener("dragleave", (event) => {
    if (!element.contains(event.relatedTarget)) element.classList.remove("over");
  });
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("over");
    dropped(event.dataTransfer).then(taken);
  });
}
// A file dropped beside the target would replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
