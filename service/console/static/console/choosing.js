// Chooses pictures and downloads them as one archive that the browser writes, straight from storage.

import { call, say } from "./app.js";

/** Makes the boxes of the tiles work. */
export function choosing(job) {
  const live = document.getElementById("live");
  const bar = document.getElementById("chosen");
  const count = document.getElementById("chosen-count");
  const button = document.getElementById("download-chosen");
  const label = button.textContent;
  const boxes = () => [...live.querySelectorAll("[name=chosen]:checked")];
  const draw = () => {
    const number = boxes().length;
    bar.hidden = number === 0;
    count.textContent = number;
  };
  live.addEventListener("change", draw);
  document.getElementById("choose-none").onclick = () => {
    for (const box of boxes()) box.checked = false;
    draw();
    live.querySelector("[name=chosen]").focus();
  };
  button.onclick = async () => {
    const size = document.getElementById("chosen-size").value;
    const chosen = boxes().map((box) => box.value);
    button.disabled = true;
    try {
      const { downloadZip } = await import("./vendor/client-zip.js");
      let done = 0;
      const files = async function* () {
        for (const image of chosen) {
          done += 1;
          button.textContent = button.dataset.busy.replace("{done}", done).replace("{all}", chosen.length);
          const told = await call("GET", `/v1/jobs/${job}/images/${image}`);
          for (const rendition of told.renditions) {
            if (size && rendition.name !== size) continue;
            const response = await fetch(rendition.url);
            if (!response.ok) throw new Error(String(response.status));
            yield { name: rendition.file_name, input: response, size: rendition.size_bytes };
          }
        }
      };
      const blob = await downloadZip(unique(files())).blob();
      saved(blob, `rawmill-${job.slice(0, 8)}-${chosen.length}.zip`);
      say(button.dataset.done);
    } catch {
      say(button.dataset.failed);
    }
    button.disabled = false;
    button.textContent = label;
  };
  draw();
}

/** Two cards may hold files of the same name. */
async function* unique(files) {
  const seen = new Map();
  for await (const file of files) {
    const times = seen.get(file.name) ?? 0;
    seen.set(file.name, times + 1);
    yield times === 0 ? file : { ...file, name: file.name.replace(/(\.\w+)$/, `-${times + 1}$1`) };
  }
}

function saved(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
