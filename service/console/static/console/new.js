// A new job: the files, the recipe, and the start. Afterwards this very page becomes the job's, so that files that were
// chosen need not be chosen again.

import { bytes, call } from "./app.js";
import { follow } from "./job.js";
import { fetched } from "./live.js";
import { chosen, takesDrops } from "./picking.js";
import { recipe } from "./recipe.js";
import { keep } from "./store.js";

const SHOWN = 200;
const page = document.getElementById("new");
const [start, list, rows, fault] = ["start", "list", "file-list", "fault"].map((id) => document.getElementById(id));
const most = Number(page.dataset.most), mostBytes = Number(page.dataset.mostBytes);
const extensions = new Set(page.dataset.extensions.split(" "));
const files = new Map();
let leftOut = { kind: 0, size: 0, number: 0 };

function add(picked) {
  for (const each of picked) {
    const bare = each.name.split("/").at(-1);
    if (bare.startsWith(".")) continue;
    if (!extensions.has(bare.split(".").at(-1).toLowerCase())) leftOut.kind += 1;
    else if (each.file.size > mostBytes || each.file.size === 0) leftOut.size += 1;
    else if (files.size >= most && !files.has(each.name)) leftOut.number += 1;
    else files.set(each.name, each);
  }
  draw();
}

function draw() {
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const { count, leftOut: kind, tooLarge, tooMany } = list.dataset;
  const total = [...files.values()].reduce((sum, { file }) => sum + file.size, 0);
  list.hidden = files.size === 0 && !leftOut.kind && !leftOut.size;
  document.getElementById("list-title").textContent = fill(count, { count: files.size, bytes: bytes(total) });
  document.getElementById("list-note").textContent = [
    leftOut.kind && fill(kind, { count: leftOut.kind }),
    leftOut.size && fill(tooLarge, { count: leftOut.size }),
    leftOut.number && fill(tooMany, { most }),
  ].filter(Boolean).join(" · ");
  rows.replaceChildren(...[...files.values()].slice(0, SHOWN).map(({ name, file }) => {
    const [line, text, size] = ["li", "span", "span"].map((tag) => document.createElement(tag));
    text.className = "name";
    text.textContent = text.title = name;
    size.className = "number small quiet";
    size.textContent = bytes(file.size);
    line.append(text, size);
    return line;
  }));
  start.disabled = files.size === 0;
}

for (const id of ["files", "folder"]) {
  document.getElementById(id).onchange = (event) => { add(chosen(event.target)); event.target.value = ""; };
}
takesDrops(document.getElementById("drop"), add);
document.getElementById("clear").onclick = () => {
  files.clear();
  leftOut = { kind: 0, size: 0, number: 0 };
  draw();
  document.getElementById("files").focus();
};

start.onclick = async () => {
  start.disabled = true;
  fault.hidden = true;
  const picked = [...files.values()];
  try {
    const job = await call("POST", "/v1/jobs", {
      recipe: recipe(),
      files: picked.map(({ name, file }) => ({ name: name.slice(-255), size_bytes: file.size })),
    });
    const handles = Object.fromEntries(picked.filter((each) => each.handle).map((each) => [each.name, each.handle]));
    if (Object.keys(handles).length > 0) await keep(job.job_id, handles);
    const body = await fetched(`/jobs/${job.job_id}/`);
    document.querySelector("main").replaceChildren(...body.querySelector("main").childNodes);
    history.pushState(null, "", `/jobs/${job.job_id}/`);
    addEventListener("popstate", () => location.reload());
    document.querySelector("main").focus();
    scrollTo(0, 0);
    follow(picked);
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
    start.disabled = false;
  }
};
