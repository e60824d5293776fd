// One job as it goes: uploads what is missing, follows its progress, and fetches the pictures that were chosen.

import { fetched, renewed } from "./live.js";
import { upload } from "./panel.js";
import { choosing } from "./choosing.js";

const POLL_MS = 4000;
const AT_MOST_EVERY_MS = 1200;

/** Brings the page of a job to life. */
export function follow(picked = []) {
  const page = document.getElementById("job");
  const job = page.dataset.job;
  const live = document.getElementById("live");
  const open = () => ["pending", "processing"].includes(page.dataset.status);
  let due = 0, busy = false, source = null, poll = 0;

  const renew = async () => {
    due = 0;
    if (busy) { soon(); return; }
    busy = true;
    try {
      const fresh = await fetched(location.href, { "X-Part": "live" });
      page.dataset.status = fresh.querySelector("#job-status").classList[1];
      renewed(live, fresh);
    } catch {
      // a task that restarts; the next time will do
    }
    busy = false;
    if (!open()) stop();
  };
  const soon = () => { due ||= setTimeout(renew, AT_MOST_EVERY_MS); };
  const stop = () => { source?.close(); clearInterval(poll); };
  const watch = () => {
    source = new EventSource(`/v1/jobs/${job}/events`);
    source.addEventListener("job", soon);
    source.addEventListener("end", () => { stop(); soon(); });
    source.onopen = () => { clearInterval(poll); poll = setInterval(soon, 5 * POLL_MS); };
    // Closed for good, by a proxy or because too many watch: ask now and then, and try to watch again later.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      clearInterval(poll);
      poll = setInterval(soon, POLL_MS);
      setTimeout(() => { if (open()) watch(); }, 10 * POLL_MS);
    };
  };

  if (open()) {
    watch();
    upload(job, picked);
  }
  choosing(job);
}

if (document.getElementById("job")) follow();
