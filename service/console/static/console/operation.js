// Keeps the operator's page up to date while somebody looks at it.

import { localTimes } from "./app.js";
import { fetched } from "./live.js";

const EVERY_MS = 5000;
const live = document.getElementById("live");

setInterval(async () => {
  if (document.hidden || live.contains(document.activeElement)) return;
  try {
    live.replaceChildren(...(await fetched(location.href, { "X-Part": "live" })).childNodes);
    localTimes(live);
  } catch {
    // a task that restarts; the next time will do
  }
}, EVERY_MS);
