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

function updateTimes() {
  const time = now();
  for (const each of document.querySelectorAll("[data-since]")) {
    setText(each, each.dataset.since && formatDuration(Math.max(0, Math.floor(time - each.dataset.since))));
  }
  for (const each of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil(each.dataset.until - time);
    setText(each, left > 0 ? `in ${formatDuration(left)}` : "now");
  }
  const clock = new Date((time + zoneOffset) * 1000);
  setText(byId("clock"), [clock.getUTCHours(), clock.getUTCMinutes(), clock.getUTCSeconds()].map(twoDigits).join(":"));
  const element = byId("heartbeat");
  if (!page.live) return; // without a stream, the next heartbeat is unknown
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
  if ("since" in fresh.dataset || "until" in fresh.dataset) return; // updateTimes sets the text
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
    } catch {
      // the stream's error handler shows that the connection is lost
    }
    await new Promise((done) => setTimeout(done, 500));
  }
  fetching = false;
}

function pollOutput() {
  const run = byId("run"); // its output emits no event
  if (run && "poll" in run.dataset && !document.hidden && !isConnectionLost()) refetch();
}

// --- the connection ----------------------------------------------------------------------------------

const MAX_SILENCE = 25_000; // milliseconds; the server sends something at least every 10 s
let stream = null, tag = page.tag, lastHeard = Date.now(), retryTimer = null;

function showConnectionError(text) {
  const line = byId("connection");
  if (line.hidden === !text && line.textContent === text) return;
  line.hidden = !text;
  line.textContent = text;
  document.documentElement.classList.toggle("lost", Boolean(text));
}

function connect() {
  clearTimeout(retryTimer);
  stream?.close();
  lastHeard = Date.now();
  const url = new URL(page.live, document.baseURI);
  url.searchParams.set("after", tag);
  stream = new EventSource(url);
  stream.addEventListener("clock", (event) => {
    lastHeard = Date.now();
    showConnectionError("");
    const clock = JSON.parse(event.data);
    clockOffset = clock.now - Date.now() / 1000;
    ({ offset: zoneOffset, heartbeat } = clock);
    updateTimes();
  });
  stream.addEventListener("message", (event) => {
    tag = event.lastEventId;
    applyDiff(JSON.parse(event.data));
  });
  stream.addEventListener("reload", () => location.reload()); // the page is from an earlier server
  stream.addEventListener("error", () => {
    showConnectionError("connection lost; trying again");
    if (stream.readyState === EventSource.CLOSED) retryTimer = setTimeout(reconnect, 2000);
  });
}

// The server rejected the stream, or cannot be reached: find out whether it requires a login.
async function reconnect() {
  try {
    const response = await fetch(document.baseURI, { method: "HEAD", headers: { Accept: "application/json" } });
    if (response.status === 401) return logIn();
  } catch {
    // the connection is still lost
  }
  connect();
}

function logIn() {
  const path = location.pathname.slice(new URL(document.baseURI).pathname.length); // a proxy may change its beginning
  location.assign(new URL(`login?next=${encodeURIComponent(`/@jobs/${path}${location.search}`)}`, document.baseURI));
}

function checkConnection() {
  if (stream && Date.now() - lastHeard > MAX_SILENCE) {
    showConnectionError("connection lost; trying again");
    connect();
  }
}

// A browser allows few connections to one server, so a hidden page closes its stream.
function updateVisibility() {
  if (!page.live) return;
  if (document.hidden) {
    clearTimeout(retryTimer);
    stream?.close();
    stream = null;
  } else if (!stream) {
    connect();
  }
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

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target !== form || !button || !button.name) return;
  event.preventDefault();
  if (!button.dataset.confirm || confirm(button.dataset.confirm)) execute(button);
});

// --- the filter --------------------------------------------------------------------------------------

const filterInput = byId("q");

function applyFilter() {
  if (!filterInput) return;
  const words = filterInput.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of byId("jobs-rows").children) {
    const text = [...row.querySelectorAll("[data-search]")].map((each) => each.textContent).join(" ").toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (!row.hidden) found += 1;
  }
  byId("found").hidden = !words.length || found > 0;
}

function changeFilter() {
  applyFilter();
  const url = new URL(location.href);
  if (filterInput.value.trim()) url.searchParams.set("q", filterInput.value.trim());
  else url.searchParams.delete("q");
  history.replaceState(null, "", url); // a reload keeps the filter
}

if (filterInput && page.live) {
  filterInput.addEventListener("input", changeFilter);
  byId("filter").addEventListener("submit", (event) => {
    if (byId("jobs-caption").textContent) return; // some jobs have no row: let the server search
    event.preventDefault();
    focusRow(visibleRows(byId("jobs-rows"))[0]);
  });
}

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
  const rows = visibleRows(row ? row.parentNode : document.querySelector("[data-rows]"));
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

const KEYS = {
  j: () => moveFocus(1),
  k: () => moveFocus(-1),
  ArrowDown: () => moveFocus(1),
  ArrowUp: () => moveFocus(-1),
  g: () => moveFocus(-Infinity),
  G: () => moveFocus(Infinity),
  r: () => clickButton("button[name=run]"),
  p: () => clickButton("button[name=pause], button[name=resume]"),
  x: () => clickButton("button[name=cancel]"),
  "+": () => click(document.querySelector(".pool button:last-child")),
  "-": () => click(document.querySelector(".pool button:first-child")),
  "/": () => filterInput?.select(),
  "?": () => byId("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.target === filterInput && event.key === "Escape") {
    filterInput.value = "";
    changeFilter();
    focusRow(visibleRows(byId("jobs-rows"))[0]) || filterInput.blur();
  }
  if (event.target.matches("input, textarea, select")) return;
  if (!(event.key in KEYS)) return;
  if (event.key.startsWith("Arrow") && !rowOf(document.activeElement)) return; // without a row, arrows scroll
  event.preventDefault();
  KEYS[event.key]();
});

byId("show-keys")?.addEventListener("click", () => byId("keys").showModal());

// --- start -------------------------------------------------------------------------------------------

if (byId("message").textContent) showMessage(byId("message").textContent, 5);
applyFilter();
updateTimes();
setInterval(updateTimes, 1000);
setInterval(pollOutput, 2000);
setInterval(checkConnection, 5000);
document.addEventListener("visibilitychange", updateVisibility);
updateVisibility();
