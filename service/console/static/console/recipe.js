// The recipe as fields, and what it makes of the sample picture, developed by the server's processor.

import { csrf } from "./app.js";

const find = (id) => document.getElementById(id);
const form = find("recipe"), sizes = find("sizes"), shownSize = find("preview-of"), image = find("preview"), text = find("preview-text");
const preset = JSON.parse(find("preset").textContent);
let logo = null;

function addSize(rendition) {
  const row = find("size").content.cloneNode(true).firstElementChild;
  for (const field of row.querySelectorAll("[data-field]")) field.value = rendition[field.dataset.field];
  row.dataset.quality = rendition.quality;
  row.querySelector("[data-remove]").onclick = () => {
    if (sizes.childElementCount > 1) row.remove();
    changed();
  };
  sizes.append(row);
}

/** The recipe that the fields describe, as the API takes it. */
export function recipe() {
  const amount = Number(find("amount").value);
  const made = {
    name: "console",
    tier: find("tier").value,
    colour_space: find("colour").value,
    private: find("private").checked,
    filters: amount ? [{ kind: "unsharp", radius_px: Number(find("radius").value), amount_percent: amount, threshold: 2 }] : [],
    renditions: [...sizes.children].map((row) => {
      const field = (name) => row.querySelector(`[data-field=${name}]`).value;
      return { name: field("name"), long_edge_px: Number(field("long_edge_px")), format: field("format"), quality: Number(row.dataset.quality) };
    }),
  };
  if (logo !== null) {
    made.watermark = {
      logo,
      position: form.elements.position.value,
      opacity: Number(find("opacity").value) / 100,
      scale: Number(find("scale").value) / 100,
    };
  }
  return made;
}

let timer = 0, asked = null;

function changed() {
  for (const output of form.querySelectorAll("output")) {
    const range = find(output.htmlFor.value);
    output.textContent = `${range.value}${range.dataset.unit}`;
  }
  const names = [...sizes.querySelectorAll("[data-field=name]")].map((field) => field.value);
  if (names.join() !== [...shownSize.options].map((option) => option.value).join()) {
    const before = shownSize.value;
    shownSize.replaceChildren(...names.map((name) => new Option(name)));
    if (names.includes(before)) shownSize.value = before;
  }
  clearTimeout(timer);
  timer = setTimeout(develop, 250);
}

async function develop() {
  asked?.abort();
  if (!form.isConnected) return; // the page is a job's by now
  const mine = (asked = new AbortController());
  const fault = find("recipe-fault"), view = find("view");
  view.setAttribute("aria-busy", "true");
  try {
    const response = await fetch("/preview/", {
      method: "POST",
      headers: { ...csrf(), "Content-Type": "application/json" },
      body: JSON.stringify({ recipe: recipe(), rendition: shownSize.value, detail: find("detail").checked }),
      signal: mine.signal,
    });
    if (!response.ok) {
      const problem = await response.json();
      fault.textContent = `${fault.dataset.text} ${problem.errors?.[0]?.detail ?? problem.detail}`;
      fault.hidden = response.status !== 422;
      if (response.status !== 422) text.textContent = `${text.dataset.failed} ${problem.detail}`;
    } else {
      fault.hidden = true;
      const before = image.src;
      image.src = URL.createObjectURL(await response.blob());
      image.hidden = false;
      if (before) URL.revokeObjectURL(before);
      const [width, height, long] = ["Width", "Height", "Long-Edge"].map((name) => Number(response.headers.get(`X-${name}`)));
      const values = { name: shownSize.value, width, height, long };
      if (!form.isConnected) return;
      const fill = (template) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
      const whole = fill(text.dataset.text) + (long > Math.max(width, height) ? ` ${fill(text.dataset.smaller)}` : "");
      text.textContent = find("detail").checked ? fill(text.dataset.detail) : whole;
    }
  } catch (error) {
    if (error.name !== "AbortError") text.textContent = `${text.dataset.failed} ${error.message}`;
  }
  if (mine === asked) view.removeAttribute("aria-busy");
}

async function chooseLogo(event) {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  logo = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(file);
  });
  showLogo(file.name);
}

function showLogo(name) {
  find("logo-name").dataset.none ??= find("logo-name").textContent;
  find("logo-name").textContent = name ?? find("logo-name").dataset.none;
  find("mark").hidden = find("no-logo").hidden = name === null;
  changed();
}

for (const rendition of preset.renditions) addSize(rendition);
find("add-size").onclick = () => {
  addSize({ name: `size-${sizes.childElementCount + 1}`, long_edge_px: 2048, format: "jpeg", quality: 90 });
  sizes.lastElementChild.querySelector("input").focus();
  changed();
};
find("logo").onchange = chooseLogo;
find("no-logo").onclick = () => { logo = null; showLogo(null); find("logo").focus(); };
form.addEventListener("input", changed);
form.addEventListener("submit", (event) => event.preventDefault());
changed();
if (shownSize.options.length > 1) shownSize.selectedIndex = 1;
