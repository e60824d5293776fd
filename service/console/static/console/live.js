// Keeps a part of a page up to date: fetches it anew from the server and replaces only the pieces that changed.

import { localTimes } from "./app.js";

// The one place where text becomes elements; it comes from our own server, whose templates escape what users wrote.
const html = window.trustedTypes?.createPolicy("rawmill", { createHTML: (text) => text }) ?? { createHTML: (text) => text };

/** Elements of a page of ours, as it is now. */
export async function fetched(address, headers = {}) {
  const response = await fetch(address, { headers: { Accept: "text/html", ...headers } });
  if (!response.ok || response.redirected) throw new Error(String(response.status));
  return new DOMParser().parseFromString(html.createHTML(await response.text()), "text/html").body;
}

/**
 * Makes `root` look like `fresh`. An element with `data-key` is replaced when its `data-state` differs: pictures that
 * are there stay, and so do checked boxes, the focus and the place on the page.
 */
export function renewed(root, fresh) {
  const keyed = (within) => new Map([...within.querySelectorAll("[data-key]")].map((one) => [one.dataset.key, one]));
  const [old, now] = [keyed(root), keyed(fresh)];
  const sameOnes = old.size === now.size && [...now.keys()].every((key) => old.has(key));
  if (!sameOnes) {
    root.replaceChildren(...fresh.childNodes);
    localTimes(root);
    return;
  }
  for (const [key, element] of now) {
    const before = old.get(key);
    if (before.dataset.state === element.dataset.state || before.contains(document.activeElement)) continue;
    const next = document.adoptNode(element);
    before.replaceWith(next);
    localTimes(next);
  }
}
