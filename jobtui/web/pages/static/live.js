// Keeps the page up to date: applies the fragments that the server sends, and keeps everything else, such as
// the user's focus and selection, as it is. Without this script the page shows the same, but does not update.
"use strict";

const page = document.body.dataset;
const form = document.getElementById("command");
const byId = (id) => document.getElementById(id);
document.documentElement.classList.add("live");

// --- times: the server's clock, advanced with the browser's -------------------------------------------

let clockOffset = page.now - Date.now() / 1000; // seconds by which the server's clock is ahead of the browser's
let zoneOffset = Number(page.offset); // of the server's zone from UTC, in seconds
let heartbeat = Number(page.heartbeat) || null;
const HEARTBEAT_LATE = 35; // seconds

const now = () => Date.now() / 1000 + clockOffset;
const isConnectionLost = () => document.documentElement.classList.contains("lost");
const twoDigits = (number) => String(number).padStart(2, "0");

function formatDuration(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days >= 100) return `${days}d`;
  if (days) return `${days}d${twoDigits(hours % 24)}h`;
  if (hours) return `${hours}h${twoDigits(minutes % 60)}m`;
  return minutes ? `${minutes}m${twoDigits(seconds % 60)}s` : `${seconds}s`;
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

// Move the bar of a run on: by the usual duration of its job's runs, if its code reports nothing.
function updateProgress(element, time) {
  const { since, usual, long, text } = element.dataset;
  const bar = element.querySelector("progress"), words = element.lastElementChild;
  if (!usual) return setText(words, text);
  const ran = time - since, isOver = ran > Math.max(long, 2);
  const done = isOver ? 1 : Math.min(0.99, ran / usual), left = Math.ceil(usual - ran);
  if (bar) bar.value = done;
  words.classList.toggle("tone-waiting", isOver);
  const rest = left > 0 ? ` ~${formatDuration(left)} left` : " nearly done";
  setText(words, isOver ? `+${formatDuration(Math.floor(ran - usual))} over` : `${Math.floor(done * 100)}%${rest}`);
}

function updateTimes() {
  const time = now();
  for (const each of document.querySelectorAll(".progress")) updateProgress(each, time);
  for (const each of document.querySelectorAll("[data-since]:not(.progress)")) {
    setText(each, each.dataset.since && formatDuration(Math.max(0, Math.floor(time - each.dataset.since))));
  }
  for (const each of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil(each.dataset.until - time);
    setText(each, left > 0 ? `in ${formatDuration(left)}` : "now");
  }
  const clock = new Date((time + zoneOffset) * 1000);
  setText(byId("clock"), [clock.getUTCHours(), clock.getUTCMinutes(), clock.getUTCSeconds()].map(twoDigits).join(":"));
  const element = byId("heartbeat");
  if (heartbeat !== null && !isConnectionLost()) {
    const age = Math.max(0, Math.floor(time - heartbeat));
    setText(element, age > HEARTBEAT_LATE ? `STALLED ${formatDuration(age)}` : formatDuration(age));
    element.classList.toggle("tone-failed", age > HEARTBEAT_LATE);
  } else {
    setText(element, "—");
  }
}

// --- applying fragments ------------------------------------------------------------------------------

function parseElement(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// Turn an element into a fresh one, but keep the nodes that are the same, so that focus and selection survive.
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "hidden") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (("since" in fresh.dataset || "until" in fresh.dataset) && !fresh.children.length) return; // updateTimes sets the text
  const freshIds = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  for (const child of [...old.children]) if (child.id && !freshIds.has(child.id)) child.remove();
  let cursor = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const sameId = child.id && byId(child.id);
    const match = sameId && sameId.parentNode === old ? sameId : !child.id && cursor && !cursor.id ? cursor : null;
    if (match === null) {
      old.insertBefore(child, cursor);
      continue;
    }
    if (match === cursor) cursor = cursor.nextSibling;
    else old.insertBefore(match, cursor);
    morph(match, child);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

// Remove the rows that are not in the order, and put the others in order with as few moves as possible.
function reorder(list, ids, newRows) {
  const wanted = new Set(ids);
  const rows = [...list.children];
  const focused = rows.find((row) => row.contains(document.activeElement));
  const losesFocus = focused && !wanted.has(focused.id);
  const nextRow = losesFocus && rows.slice(rows.indexOf(focused)).find((row) => wanted.has(row.id));
  for (const row of rows) if (!wanted.has(row.id)) row.remove();
  for (const node of [...list.childNodes]) if (node.nodeType === Node.TEXT_NODE) node.remove();
  let cursor = list.firstElementChild;
  for (const id of ids) {
    const row = byId(id) || newRows.get(id);
    if (!row) continue;
    if (row === cursor) cursor = cursor.nextElementSibling;
    else list.insertBefore(row, cursor);
  }
  if (losesFocus) focusRow(nextRow || list.lastElementChild) || byId(`${list.dataset.rows}-title`)?.focus();
}

function applyDiff({ lists, fragments }) {
  if (page.refetch in fragments) refetch();
  const newRows = new Map();
  for (const [id, html] of Object.entries(fragments)) {
    const old = byId(id), element = parseElement(html);
    if (old) morph(old, element);
    else newRows.set(id, element);
  }
  for (const [name, ids] of Object.entries(lists)) {
    const list = byId(`${name}-rows`);
    if (list) reorder(list, ids, newRows);
  }
  applyFilter();
  updateTimes();
  updateTab();
}

// A job's or run's page is fetched again when the job changes: one request at a time, and at most two a second.
let fetching = false, fetchAgain = false;

async function refetch() {
  fetchAgain = true;
  if (fetching) return;
  fetching = true;
  while (fetchAgain) {
    fetchAgain = false;
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (response.redirected) return void location.reload(); // to the login
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      if (response.ok) morph(byId("content"), fresh.getElementById("content"));
      updateTimes();
      updateTab();
    } catch {
      // the stream's error handler shows that the connection is lost
    }
    await new Promise((done) => setTimeout(done, 500));
  }
  fetching = false;
}

// What emits no event is fetched again and again: output, a stack, the forecast.
let seconds = 0;

function pollPage() {
  const interval = byId("content").querySelector("[data-poll]")?.dataset.poll;
  if (interval === undefined || document.hidden || isConnectionLost()) return;
  seconds += 1;
  if (seconds % interval === 0) refetch();
}

// --- the connection ----------------------------------------------------------------------------------

const script = byId("script").src; // with the version of the files
let tag = page.tag, isOpen = false;

function showConnectionError(text) {
  const line = byId("connection");
  if (line.hidden === !text && line.textContent === text) return;
  line.hidden = !text;
  line.textContent = text;
  document.documentElement.classList.toggle("lost", Boolean(text));
  updateTab();
}

// The stream is shared by all windows of the browser, if it has shared workers.
function makePort() {
  try {
    return new SharedWorker(script.replace("live.js", "stream.js")).port;
  } catch {
    const { port1, port2 } = new MessageChannel();
    sharedStream.add(port2);
    return port1;
  }
}

const port = makePort();

port.onmessage = ({ data: { type, data, tag: newTag } }) => {
  if (!isOpen) return;
  if (type === "lost") return showConnectionError("connection lost; trying again");
  if (type === "login") return logIn();
  if (type === "reload") return location.reload(); // the page is from an earlier server
  showConnectionError("");
  tag = newTag;
  if (type === "message") return applyDiff(JSON.parse(data));
  const clock = JSON.parse(data);
  clockOffset = clock.now - Date.now() / 1000;
  ({ offset: zoneOffset, heartbeat } = clock);
  document.documentElement.dataset.stream = "open";
  updateTimes();
};

function logIn() {
  const path = location.pathname.slice(new URL(document.baseURI).pathname.length); // a proxy may change its beginning
  location.assign(new URL(`login?next=${encodeURIComponent(`/@jobs/${path}${location.search}`)}`, document.baseURI));
}

function openStream() {
  if (isOpen) return;
  isOpen = true;
  port.postMessage({ row: new URL(page.live, document.baseURI).searchParams.get("row") || "", tag });
}

function closeStream() {
  if (!isOpen) return;
  isOpen = false;
  port.postMessage(null);
  delete document.documentElement.dataset.stream;
}

// A hidden page needs no events.
function updateVisibility() {
  if (document.hidden) closeStream();
  else openStream();
}

// --- the tab -----------------------------------------------------------------------------------------

function updateTab() {
  const { text, icon } = (byId("content").querySelector("[data-icon]") || byId("tab")).dataset;
  const state = isConnectionLost() ? "! " : text ? `${text} ` : "";
  if (document.title !== state + page.title) document.title = state + page.title;
  const name = isConnectionLost() ? "icon-lost.svg" : icon;
  if (byId("icon").getAttribute("href") !== name) byId("icon").setAttribute("href", name);
}

// --- commands ----------------------------------------------------------------------------------------

let messageTimer = null;

function showMessage(text, seconds) {
  const line = byId("message");
  line.textContent = text;
  line.hidden = false;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => { line.hidden = true; }, seconds * 1000);
}

async function execute(button) {
  const body = new URLSearchParams(new FormData(form));
  body.set(button.name, button.value);
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (response.status === 401) return logIn();
    const { message, detail, title } = await response.json();
    if (response.ok) showMessage(message, 5);
    else showMessage(`✗ ${detail || title}`, 10);
    if (page.refetch) refetch();
  } catch {
    showMessage("✗ the server does not respond", 10);
  }
}

// The second click of a double click is no second command, and it must not press the Resume that the first one has
// made of Pause. The size of the pool is set by quick clicks. A key, whose detail is 0, is handled below.
const DOUBLE_CLICK = 600; // milliseconds
let lastRun = { value: null, time: 0 };

function isSecondClick({ name, value }, detail) {
  if (!detail || name === "resize") return false;
  const isSameRun = name === "run" && value === lastRun.value && performance.now() - lastRun.time < DOUBLE_CLICK;
  if (name === "run") lastRun = { value, time: performance.now() };
  return detail > 1 || isSameRun;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[form=command]");
  if (button && isSecondClick(button, event.detail)) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target !== form || !button || !button.name) return;
  event.preventDefault();
  if (!button.dataset.confirm || confirm(button.dataset.confirm)) execute(button);
});

// --- the filter --------------------------------------------------------------------------------------

const filterInput = byId("q");
const SEARCH_DELAY = 150, SEARCH_INTERVAL = 2000; // milliseconds after a key, and between refreshed results
let searchTimer = null, searchNumber = 0;

const ATTENTION = "attention", ATTENTION_STAYS = 10; // seconds, so that rows do not come and go with every run
const attentionUntil = new Map(); // instants by job

const filterText = () => filterInput.value.trim();
const jobsCaption = () => byId("jobs-caption").dataset;
const jobsBody = () => byId("found-rows") || byId("jobs-rows");

// Filter the rows; if some jobs have no row, let the server search, and show its rows instead.
function applyFilter() {
  if (!filterInput) return;
  const words = filterText().toLowerCase().split(/\s+/).filter(Boolean);
  byId("all-jobs").hidden = words.length > 0;
  const isPartial = Number(jobsCaption().visible) < Number(jobsCaption().total);
  if (words.length && isPartial) return void scheduleSearch(byId("found-rows") ? SEARCH_INTERVAL : SEARCH_DELAY);
  showFound(null);
  let found = 0;
  for (const row of byId("jobs-rows").children) {
    const cells = [...row.querySelectorAll("[data-search]")].map((each) => each.textContent);
    const text = [...cells, row.dataset.words].join(" ").toLowerCase();
    if (text.includes(ATTENTION)) attentionUntil.set(row.dataset.job, now() + ATTENTION_STAYS);
    const needsIt = attentionUntil.get(row.dataset.job) > now();
    row.hidden = !words.every((word) => text.includes(word) || (word === ATTENTION && needsIt));
    if (!row.hidden) found += 1;
  }
  const caption = found ? `${found} of ${jobsCaption().total} jobs match the filter` : "no job matches the filter";
  setText(byId("found"), caption);
  byId("found").hidden = !words.length;
}

function scheduleSearch(delay) {
  searchTimer ??= setTimeout(search, delay);
}

async function search() {
  searchTimer = null;
  const number = ++searchNumber;
  const url = new URL(`./?q=${encodeURIComponent(filterText())}`, document.baseURI);
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (number !== searchNumber || !response.ok || response.redirected) return; // a later search, or a login
    showFound(fresh);
  } catch {
    // the stream shows that the connection is lost
  }
}

// Show the rows of another page in place of the own ones; null shows the own ones again.
function showFound(fresh) {
  const rows = byId("jobs-rows"), old = byId("found-rows");
  rows.hidden = fresh !== null;
  if (fresh === null) {
    searchNumber += 1;
    clearTimeout(searchTimer);
    searchTimer = null;
    old?.remove();
    return;
  }
  const found = fresh.getElementById("jobs-rows");
  found.id = "found-rows";
  for (const row of found.children) row.removeAttribute("id");
  const focused = old && rowOf(document.activeElement)?.parentNode === old ? document.activeElement : null;
  const selector = focused?.name ? `button[name="${focused.name}"]` : "a";
  const job = focused && rowOf(focused).dataset.job;
  if (old) old.replaceWith(found);
  else rows.after(found);
  if (job) document.querySelector(`#found-rows [data-job="${CSS.escape(job)}"] ${selector}`)?.focus();
  setText(byId("found"), fresh.getElementById("found").textContent);
  byId("found").hidden = false;
  updateTimes();
}

function changeFilter() {
  clearTimeout(searchTimer);
  searchTimer = null;
  if (byId("found-rows")) scheduleSearch(SEARCH_DELAY);
  applyFilter();
  const url = new URL(location.href);
  if (filterText()) url.searchParams.set("q", filterText());
  else url.searchParams.delete("q");
  history.replaceState(null, "", url); // a reload keeps the filter
}

// Show the jobs that need attention, or all jobs.
function toggleAttention() {
  if (!filterInput) return;
  const words = filterText().split(/\s+/).filter(Boolean), others = words.filter((word) => word !== ATTENTION);
  filterInput.value = (others.length < words.length ? others : [...words, ATTENTION]).join(" ");
  attentionUntil.clear();
  changeFilter();
}

byId("attention")?.addEventListener("click", (event) => {
  event.preventDefault();
  toggleAttention();
});

if (filterInput) {
  filterInput.addEventListener("input", changeFilter);
  byId("filter").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (searchTimer) {
      clearTimeout(searchTimer);
      await search();
    }
    focusRow(visibleRows(jobsBody())[0]);
  });
}

// The base of links is the status page, and the filter changes the URL: stay on the page.
document.addEventListener("click", (event) => {
  const hash = event.target.closest('a[href*="#"]')?.hash;
  if (!hash || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const target = byId(hash.slice(1));
  target.scrollIntoView();
  (target.querySelector("[tabindex]") || target).focus({ preventScroll: true });
});

// --- keys --------------------------------------------------------------------------------------------

const visibleRows = (list) => [...(list?.children || [])].filter((row) => !row.hidden);
const rowOf = (element) => element?.closest("[data-rows] > tr");

function focusRow(row) {
  if (!row) return false;
  const target = row.querySelector("a") || row;
  if (target === row) row.tabIndex = -1;
  target.focus();
  row.scrollIntoView({ block: "nearest" });
  return true;
}

function moveFocus(by) {
  const row = rowOf(document.activeElement);
  const rows = visibleRows(row ? row.parentNode : document.querySelector("[data-rows]:not([hidden])"));
  const index = row ? rows.indexOf(row) + by : by > 1 ? by : 0;
  focusRow(rows[Math.max(0, Math.min(rows.length - 1, index))]);
}

const click = (button) => { if (button && !button.disabled) button.click(); };

// Click a button of the focused row, or of its job's row; without a focused row, one of a job's or run's page.
function clickButton(selector) {
  const row = rowOf(document.activeElement);
  const button = (row || byId("content")).querySelector(selector);
  if (button || !row) return void (page.refetch || row ? click(button) : null);
  const job = CSS.escape(row.dataset.job || "");
  click(document.querySelector(`[data-job="${job}"] ${selector}`));
}

// Cancel the focused run; of a job, as in the dashboard, its latest run that waits, else the one that runs.
function clickCancel() {
  const row = rowOf(document.activeElement);
  const own = (row || byId("content")).querySelector("button[name=cancel]");
  if (own || !row) return void (page.refetch || row ? click(own) : null);
  const buttons = (name) => [...document.querySelectorAll(`#${name}-rows [data-job="${CSS.escape(row.dataset.job)}"] button[name=cancel]`)];
  const latest = (found) => found.sort((one, other) => one.value - other.value).pop();
  click(latest(buttons("waiting")) || latest(buttons("upcoming")) || latest(buttons("running")));
}

const openPath = (path) => location.assign(new URL(path, document.baseURI));

// Ask why the focused run or tick came out so; of a job, its latest tick.
function openWhy() {
  const row = rowOf(document.activeElement);
  const link = (row || byId("content")).querySelector('a[href^="why?"]');
  if (link) link.click();
  else if (row) openPath(row.dataset.run ? `why?run=${row.dataset.run}` : `why?job=${encodeURIComponent(row.dataset.job)}`);
}

// Show the stack of the focused run; of a job, that of its latest run whose work goes on.
function openStack() {
  const row = rowOf(document.activeElement);
  if (!row) return void byId("stack")?.focus();
  const selector = row.dataset.run ? `[data-run="${row.dataset.run}"]` : `[data-job="${CSS.escape(row.dataset.job)}"]`;
  const working = [...document.querySelectorAll(`#running-rows > ${selector}`)].pop();
  if (working) openPath(`runs/${working.dataset.run}#stack`);
  else showMessage("it does not run now, so there is no stack", 5);
}

// Search the runs of the focused job, or of the page's job.
function openHistory() {
  const job = rowOf(document.activeElement)?.dataset.job ?? page.about;
  openPath(job === undefined ? "history" : `history?job=${encodeURIComponent(job)}`);
}

// Show the output of the focused run; of a job, of its latest run.
function openLog() {
  const row = rowOf(document.activeElement), job = row?.dataset.job ?? page.about;
  if (row?.dataset.run) openPath(`log?run=${row.dataset.run}`);
  else openPath(job === undefined ? "log" : `log?job=${encodeURIComponent(job)}`);
}

// Show the form for a run of the focused job, or of the page's job, with other arguments.
function openRunForm() {
  const job = rowOf(document.activeElement)?.dataset.job ?? page.about;
  if (job !== undefined && form) openPath(`run?job=${encodeURIComponent(job)}`);
}

function clickPauseAll() {
  const name = byId("totals").dataset.allPaused ? "resume-all" : "pause-all";
  const button = document.querySelector(`button[name="${name}"]`);
  if (button && confirm(`${button.textContent} ${byId("totals").dataset.jobs} jobs?`)) click(button);
}

function focusSection(name) {
  const list = name === "jobs" && filterInput ? jobsBody() : byId(`${name}-rows`);
  focusRow(visibleRows(list)[0]) || byId(`${name}-title`)?.focus();
}

// Focus the next job whose latest run failed; in a list of endings, the next run that failed.
function focusFailed() {
  const row = rowOf(document.activeElement);
  const endings = row?.closest("#recent-rows, [data-rows=runs]");
  const rows = visibleRows(endings || document.querySelector("[data-rows]:not([hidden])"));
  const failed = rows.filter((each) => each.querySelector("[data-label=Status] .tone-failed, [data-label=State] .tone-failed"));
  focusRow(failed.find((each) => rows.indexOf(each) > rows.indexOf(row)) || failed[0]);
}

// Focus the next difference of an output, or the one before.
function focusDifference(by) {
  const all = [...document.querySelectorAll(".difference")], place = all.indexOf(document.activeElement);
  all[place < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, place + by))]?.focus();
  return all.length > 0;
}

const KEYS = {
  j: () => moveFocus(1),
  k: () => moveFocus(-1),
  ArrowDown: () => moveFocus(1),
  ArrowUp: () => moveFocus(-1),
  g: () => moveFocus(-Infinity),
  G: () => moveFocus(Infinity),
  Home: () => moveFocus(-Infinity),
  End: () => moveFocus(Infinity),
  0: () => focusSection("jobs"),
  1: () => focusSection("running"),
  2: () => focusSection("waiting"),
  3: () => focusSection("upcoming"),
  4: () => focusSection("recent"),
  n: () => focusDifference(1) || focusFailed(),
  N: () => focusDifference(-1),
  f: toggleAttention,
  r: () => clickButton("button[name=run]"),
  p: () => clickButton("button[name=pause], button[name=resume]"),
  P: clickPauseAll,
  x: clickCancel,
  w: openWhy,
  t: openStack,
  h: openHistory,
  R: openRunForm,
  l: openLog,
  o: () => openPath("log"),
  5: () => openPath("timeline"),
  6: () => openPath("calendar"),
  "+": () => click(document.querySelector(".pool button:last-child")),
  "=": () => KEYS["+"](),
  "-": () => click(document.querySelector(".pool button:first-child")),
  "/": () => (filterInput || document.querySelector("[role=search] [type=search]"))?.select(),
  "?": () => byId("keys").showModal(),
};

const MOVES = new Set(["j", "k", "ArrowDown", "ArrowUp"].map((key) => KEYS[key]));

document.addEventListener("keydown", (event) => {
  if (event.repeat && event.target.matches("button")) return event.preventDefault(); // enter or space held down
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.target === filterInput && event.key === "Escape") {
    filterInput.value = "";
    changeFilter();
    focusRow(visibleRows(jobsBody())[0]) || filterInput.blur();
  }
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  const key = CSS.escape(event.key);
  const link = byId("content").querySelector(`a[data-key="${key}"], a[data-other-key="${key}"]`); // of this page
  if (link && !event.repeat) {
    event.preventDefault();
    return link.click();
  }
  if (!(event.key in KEYS)) return;
  if (event.repeat && !MOVES.has(KEYS[event.key])) return event.preventDefault(); // a key held down is one command
  const scrolls = event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
  if (scrolls && !rowOf(document.activeElement)) return;
  event.preventDefault();
  KEYS[event.key]();
});

byId("show-keys")?.addEventListener("click", () => byId("keys").showModal());

// --- start -------------------------------------------------------------------------------------------

if (byId("message").textContent) showMessage(byId("message").textContent, 5);
applyFilter();
updateTimes();
setInterval(updateTimes, 1000);
setInterval(pollPage, 1000);
document.addEventListener("visibilitychange", updateVisibility);
addEventListener("pagehide", closeStream);
addEventListener("pageshow", updateVisibility);
updateVisibility();
