// What every page has: times in the reader's own zone, menus that close, questions before what cannot be undone.

const spoken = document.getElementById("said");

/** Tells a screen reader, and shows for a moment, what just happened. */
export function say(text) {
  spoken.textContent = text;
  clearTimeout(say.later);
  say.later = setTimeout(() => { spoken.textContent = ""; }, 6000);
}

/** Headers that let a page of ours call the API: the session counts only together with this token. */
export function csrf() {
  return { "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value };
}

/** Calls the API; resolves to the JSON of its answer, rejects with its problem document. */
export async function call(method, path, body, signal) {
  const options = { method, signal, headers: csrf() };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const response = await fetch(path, options);
  if (response.status === 401) location.reload(); // signed out meanwhile: the page leads to the sign-in
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw Object.assign(new Error(answer.detail ?? response.statusText), {
    status: response.status,
    code: answer.code,
    retryAfterS: Number(response.headers.get("Retry-After")) || 0,
  });
}

const moment = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

/** Writes the times below `root` as the reader's clock shows them; the page itself has them in UTC. */
export function localTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = moment.format(new Date(time.dateTime));
    time.title = time.dateTime;
  }
}

/** `7.4 MB`, in the reader's language. */
export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let at = 0;
  for (; count >= 1000 && at < units.length - 1; at += 1) count /= 1000;
  const options = { style: "unit", unit: units[at], unitDisplay: "short", maximumFractionDigits: count < 10 && at ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, options).format(count);
}

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const copied = event.target.closest?.("[data-copy]");
  if (copied) {
    navigator.clipboard.writeText(document.getElementById(copied.dataset.copy).textContent.trim());
    say(copied.dataset.copied);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

localTimes();
