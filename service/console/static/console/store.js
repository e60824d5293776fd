// Remembers across reloads which files an upload consists of, where the browser can (File System Access): handles, never
// content. Without them the page asks for the same files again.

const OPEN = new Promise((resolve) => {
  const opening = indexedDB.open("rawmill", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("handles");
  opening.onsuccess = () => resolve(opening.result);
  opening.onerror = () => resolve(null); // a private window: everything works but this
});

async function done(mode, work) {
  const database = await OPEN;
  if (database === null) return undefined;
  return new Promise((resolve) => {
    const transaction = database.transaction("handles", mode);
    const request = work(transaction.objectStore("handles"));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onerror = transaction.onabort = () => resolve(undefined);
  });
}

/** Keeps the handles of a job's files: `{name: handle}`. */
export const keep = (job, handles) => done("readwrite", (store) => store.put(handles, job));

/** The handles of a job's files, or undefined. */
export const kept = (job) => done("readonly", (store) => store.get(job));

/** Forgets a job whose files are all uploaded. */
export const forget = (job) => done("readwrite", (store) => store.delete(job));

/** The files behind handles, by name; asks for permission where the browser wants a click for it. */
export async function opened(handles) {
  const files = new Map();
  for (const [name, handle] of Object.entries(handles)) {
    try {
      let state = (await handle.queryPermission?.({ mode: "read" })) ?? "granted";
      if (state === "prompt") state = await handle.requestPermission({ mode: "read" });
      if (state === "granted") files.set(name, await handle.getFile());
    } catch {
      // moved, deleted or refused: it is asked for like any other
    }
  }
  return files;
}
