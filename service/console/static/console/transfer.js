// Uploads a job's files straight to storage: several at once, large ones in parts, with retries, pause and resume.

import { call } from "./app.js";

const FILES_AT_ONCE = 3;
const PARTS_AT_ONCE = 4;
const TRIES = 6;
const BULK = 100;

/** Fetches which images of a job still wait for their file. */
export async function missing(job) {
  const found = [];
  for (let cursor = null, more = true; more; more = cursor !== null) {
    const query = new URLSearchParams({ status: "pending", limit: BULK, ...(cursor && { cursor }) });
    const page = await call("GET", `/v1/jobs/${job}/images?${query}`);
    found.push(...page.items.filter((image) => image.uploaded_at === null));
    cursor = page.next_cursor;
  }
  return found;
}

/**
 * The upload of one job. `changed(item)` is called whenever something about an item is different. An item is
 * `{image, file, sent, state}`; its state is missing, waiting, sending, done or failed, then with a `fault`.
 */
export class Upload {
  constructor(job, images, changed) {
    this.job = job;
    this.changed = changed;
    this.paused = false;
    this.items = images.map((image) => ({ image, file: null, sent: 0, state: "missing" }));
    this.running = new Set();
  }

  /** Gives files to the images that they belong to, by name and size; returns how many belonged somewhere. */
  take(files) {
    const key = (name, size) => `${size}/${name.normalize("NFC")}`;
    const bare = (name) => name.split("/").at(-1);
    const exact = new Map(), loose = new Map();
    for (const { name, file } of files) {
      exact.set(key(name, file.size), file);
      loose.set(key(bare(name), file.size), file);
    }
    let taken = 0;
    for (const item of this.items) {
      if (item.file !== null || item.state === "done") continue;
      const { name, size_bytes: size } = item.image;
      const file = exact.get(key(name, size)) ?? loose.get(key(bare(name), size));
      if (file === undefined) continue;
      item.file = file;
      this.#set(item, "waiting");
      taken += 1;
    }
    this.#go();
    return taken;
  }

  pause() {
    this.paused = true;
    for (const item of this.running) item.abort.abort();
  }

  resume() {
    this.paused = false;
    this.#go();
  }

  /** Tries again what failed. */
  again() {
    for (const item of this.items) if (item.state === "failed") this.#set(item, "waiting");
    this.resume();
  }

  get sent() { return this.items.reduce((sum, item) => sum + item.sent, 0); }
  get total() { return this.items.reduce((sum, item) => sum + item.image.size_bytes, 0); }
  count(state) { return this.items.filter((item) => item.state === state).length; }

  #set(item, state, fault = null) {
    Object.assign(item, { state, fault });
    if (state === "waiting") item.sent = 0;
    if (state === "done") Object.assign(item, { sent: item.image.size_bytes, file: null });
    this.changed(item);
  }

  #go() {
    if (this.paused) return;
    for (const item of this.items) {
      if (this.running.size >= FILES_AT_ONCE) return;
      if (item.state === "waiting") this.#send(item);
    }
  }

  async #send(item) {
    item.abort = new AbortController();
    this.running.add(item);
    this.#set(item, "sending");
    try {
      await this.#uploaded(item, item.abort.signal);
      this.#set(item, "done");
    } catch (error) {
      if (item.abort.signal.aborted) this.#set(item, "waiting");
      else if (error.code === "image_uploaded") this.#set(item, "done");
      else this.#set(item, "failed", error.message);
    }
    this.running.delete(item);
    this.#go();
  }

  async #uploaded(item, signal) {
    const address = `/v1/jobs/${this.job}/images/${item.image.image_id}`;
    const confirmed = () => retried(() => call("POST", `${address}/uploaded`, undefined, signal), signal);
    for (let round = 0; ; round += 1) {
      // Asked anew in every round: links end, and of a file in parts only those come back that storage lacks.
      const offer = await retried(() => call("POST", `${address}/upload`, undefined, signal), signal);
      try {
        await (offer.method === "put" ? this.#whole(item, offer, signal) : this.#parts(item, offer, signal));
        return await confirmed();
      } catch (error) {
        const worthwhile = error.status === 403 || error.code === "upload_incomplete" || error.code === "upload_missing";
        if (signal.aborted || !worthwhile || round >= 2) throw error;
      }
    }
  }

  async #whole(item, offer, signal) {
    const report = (sent) => { item.sent = sent; this.changed(item); };
    await retried(() => put(offer.url, offer.headers, item.file, report, signal), signal);
  }

  async #parts(item, offer, signal) {
    const size = offer.part_size_bytes;
    const links = [...offer.parts];
    const there = item.image.size_bytes - links.reduce((sum, link) => sum + link.size_bytes, 0);
    const sent = new Map();
    const report = (number, bytes) => {
      sent.set(number, bytes);
      item.sent = [...sent.values()].reduce((sum, each) => sum + each, there);
      this.changed(item);
    };
    report(0, 0);
    const lane = async () => {
      for (let link = links.shift(); link; link = links.shift()) {
        const start = (link.number - 1) * size;
        const part = item.file.slice(start, start + link.size_bytes);
        await retried(() => put(link.url, link.headers, part, (bytes) => report(link.number, bytes), signal), signal);
      }
    };
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, lane));
  }
}

/** One PUT with progress, which `fetch` does not tell of. */
function put(url, headers, body, report, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const fail = (message, status = 0) => reject(Object.assign(new Error(message), { status }));
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) {
      if (!/^(host|content-length)$/i.test(name)) request.setRequestHeader(name, value); // the browser's own
    }
    request.upload.onprogress = (event) => report(event.loaded);
    request.onload = () => (request.status < 300 ? resolve(report(body.size)) : fail(`HTTP ${request.status}`, request.status));
    request.onerror = () => fail(navigator.onLine ? "network" : "offline");
    request.onabort = () => fail("aborted");
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    request.send(body);
  });
}

/** Tries again after trouble that may pass: no network, an overloaded service. Waits longer each time, or as told. */
async function retried(work, signal) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      const passing = [undefined, 0, 408, 429].includes(error.status) || error.status >= 500;
      if (signal.aborted || !passing || tried >= TRIES) throw error;
      await pause(Math.max(error.retryAfterS ?? 0, 0.4 * 2 ** tried) * (0.75 + Math.random() / 2), signal);
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
    addEventListener("online", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
