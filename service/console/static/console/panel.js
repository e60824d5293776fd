// The upload as people see it: progress of each file and in total, pause, resume, and the question for files that a
// reload made the page forget.

import { bytes, say } from "./app.js";
import { chosen, takesDrops } from "./picking.js";
import { forget, kept, keep, opened } from "./store.js";
import { Upload, missing } from "./transfer.js";

const LINGER_MS = 4000;
const SHOWN = 200; // rows; the total tells of the rest

/** Shows and runs the upload of a job. `picked` are the files that were just chosen; none after a reload. */
export async function upload(job, picked = []) {
  const panel = document.getElementById("upload");
  const images = await missing(job);
  if (images.length === 0) { forget(job); return; }
  const find = (id) => document.getElementById(id);
  const [total, text, pause, resume, again, ask, list] =
    ["upload-total", "upload-text", "pause", "resume", "again", "ask", "upload-files"].map(find);
  const rows = new Map();
  const started = performance.now();
  let drawn = 0;

  const draw = () => {
    drawn = 0;
    const { sent, total: all } = upload;
    total.value = sent / all;
    const [finished, failed, lacking] = ["done", "failed", "missing"].map((state) => upload.count(state));
    const active = upload.running.size > 0 || upload.count("waiting") > 0;
    const said = finished === images.length ? panel.dataset.all
      : fill(panel.dataset.some, { done: finished, all: images.length, bytes: bytes(sent), total: bytes(all) });
    const seconds = (performance.now() - started) / 1000;
    const left = active && sent > 0 && !upload.paused && seconds > 4
      ? " · " + fill(panel.dataset.left, { time: duration((all - sent) / (sent / seconds)) }) : "";
    const refused = failed > 0 && !active ? " " + fill(panel.dataset.refused, { count: failed }) : "";
    text.textContent = said + left + refused;
    total.classList.toggle("done", finished === images.length);
    pause.hidden = upload.paused || !active;
    resume.hidden = !(upload.paused && active);
    again.hidden = failed === 0;
    ask.hidden = lacking === 0 || active;
    if (finished === images.length && !panel.dataset.finished) {
      panel.dataset.finished = "1";
      forget(job);
      say(panel.dataset.all);
      setTimeout(() => { panel.hidden = true; }, LINGER_MS); // from now on the pictures tell
    }
  };
  const changed = (item) => {
    row(item);
    drawn ||= requestAnimationFrame(draw);
  };
  const row = (item) => {
    let parts = rows.get(item);
    if (!parts) {
      if (rows.size >= SHOWN) return;
      const line = document.createElement("li");
      const [name, size, state, progress] = ["span", "span", "span", "progress"].map((tag) => document.createElement(tag));
      name.className = "name";
      name.textContent = name.title = item.image.name;
      size.className = "number small quiet";
      size.textContent = bytes(item.image.size_bytes);
      progress.max = item.image.size_bytes;
      progress.setAttribute("aria-label", item.image.name);
      line.append(name, size, state, progress);
      list.append(line);
      rows.set(item, (parts = { line, state, progress }));
    }
    parts.progress.value = item.sent;
    const words = { missing: "missing", waiting: upload.paused ? "paused" : "waiting", done: "done", failed: "failed" }[item.state];
    parts.state.className = `tag ${{ done: "ok", failed: "failed", sending: "processing" }[item.state] ?? ""}`;
    parts.state.textContent = words ? panel.dataset[words] : `${Math.floor((100 * item.sent) / item.image.size_bytes)} %`;
    if (item.fault) parts.state.title = item.fault;
    parts.progress.hidden = item.state === "done";
    if (item.state === "done" && images.length > 12) parts.line.remove();
  };

  const upload = new Upload(job, images, changed);
  const take = (files) => {
    if (upload.take(files) === 0 && files.length > 0) say(panel.dataset.other);
    remember(job, files);
    draw();
  };
  for (const item of upload.items) row(item);
  pause.onclick = () => { upload.pause(); draw(); resume.focus(); };
  resume.onclick = () => { upload.resume(); draw(); pause.focus(); };
  again.onclick = () => { upload.again(); draw(); };
  for (const id of ["files-again", "folder-again"]) find(id).onchange = (event) => { take(chosen(event.target)); event.target.value = ""; };
  takesDrops(find("drop-again"), take);
  addEventListener("beforeunload", (event) => { if (upload.running.size > 0) event.preventDefault(); });
  let cut = false; // by the network, not by somebody who paused
  addEventListener("offline", () => { cut = !upload.paused; upload.pause(); draw(); });
  addEventListener("online", () => { if (cut) upload.resume(); draw(); });

  panel.hidden = false;
  draw();
  if (picked.length > 0) {
    take(picked);
    return;
  }
  const handles = await kept(job);
  if (handles === undefined) return;
  const files = async () => [...(await opened(handles))].map(([name, file]) => ({ name, file }));
  const states = await Promise.all(Object.values(handles).map((handle) => handle.queryPermission?.({ mode: "read" })));
  if (states.every((state) => state !== "prompt")) take(await files());
  else {
    resume.hidden = false;
    resume.onclick = async () => { resume.onclick = () => { upload.resume(); draw(); }; take(await files()); };
  }
}

async function remember(job, files) {
  const handles = Object.fromEntries(files.filter((each) => each.handle).map((each) => [each.name, each.handle]));
  if (Object.keys(handles).length > 0) await keep(job, { ...(await kept(job)), ...handles });
}

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function duration(seconds) {
  const [value, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 }).format(Math.ceil(value));
}
