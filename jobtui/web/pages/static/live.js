// Keeps the page as the server has it: puts in the parts that are sent, and leaves all others, and what the
// user is doing with them, as they are. Without it the page is the same, only still.
"use strict";

const page = document.body.dataset;
const form = document.getElementById("act");
const byId = (id) => document.getElementById(id);
document.documentElement.classList.add("live");

// --- time: the server's, counted on by our clock ---------------------------------------------------

let ahead = page.now - Date.now() / 1000; // seconds by which the server's clock is ahead of ours
let offset = Number(page.offset); // of the server's zone, in seconds
let heartbeat = Number(page.heartbeat) || null;
const HEARTBEAT_LATE = 35;

const now = () => Date.now() / 1000 + ahead;
const two = (number) => String(number).padStart(2, "0");

function span(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days >= 100) return `${days}d`;
  if (days) return `${days}d${two(hours % 24)}h`;
  if (hours) return `${hours}h${two(minutes % 60)}m`;
  return minutes ? `${minutes}m${two(seconds % 60)}s` : `${seconds}s`;
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function tick() {
  const time = now();
  for (const each of document.querySelectorAll("[data-since]")) {
    setText(each, each.dataset.since && span(Math.max(0, Math.floor(time - each.dataset.since))));
  }
  for (const each of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil(each.dataset.until - time);
    setText(each, left > 0 ? `in ${span(left)}` : "now");
  }
  const clock = new Date((time + offset) * 1000);
  setText(byId("clock"), `${two(clock.getUTCHours())}:${two(clock.getUTCMinutes())}:${two(clock.getUTCSeconds())}`);
  const heart = byId("heartbeat");
  if (!page.live) return; // nobody tells of the next beat
  if (heartbeat !== null && !document.documentElement.classList.contains("lost")) {
    const age = Math.max(0, Math.floor(time - heartbeat));
    setText(heart, age > HEARTBEAT_LATE ? `STALLED ${span(age)}` : span(age));
    heart.classList.toggle("tone-failed", age > HEARTBEAT_LATE);
  } else {
    setText(heart, "—");
  }
}

// --- putting in what is sent -----------------------------------------------------------------------

function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// Make an element read like a fresh one, and keep whatever of it is the same: focus and selection stay.
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
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
  if ("since" in fresh.dataset || "until" in fresh.dataset) return; // its text is ours, see tick
  const kept = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  for (const child of [...old.children]) if (child.id && !kept.has(child.id)) child.remove();
  let cursor = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.id && byId(child.id);
    const match = known && known.parentNode === old ? known : !child.id && cursor && !cursor.id ? cursor : null;
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

// Bring the rows of a list into an order, with as few moves as can be, and take out all others.
function arrange(list, ids, fresh) {
  const wanted = new Set(ids);
  const rows = [...list.children];
  const focused = rows.find((row) => row.contains(document.activeElement));
  const lost = focused && !wanted.has(focused.id);
  const heir = lost && rows.slice(rows.indexOf(focused)).find((row) => wanted.has(row.id));
  for (const row of rows) if (!wanted.has(row.id)) row.remove();
  for (const text of [...list.childNodes]) if (text.nodeType === Node.TEXT_NODE) text.remove();
  let cursor = list.firstElementChild;
  for (const id of ids) {
    const row = byId(id) || fresh.get(id);
    if (!row) continue;
    if (row === cursor) cursor = cursor.nextElementSibling;
    else list.insertBefore(row, cursor);
  }
  if (lost) focusRow(heir || list.lastElementChild) || byId(`${list.dataset.rows}-title`)?.focus();
}

function apply({ lists, parts }) {
  if (page.again in parts) again();
  const fresh = new Map();
  for (const [id, html] of Object.entries(parts)) {
    const old = byId(id), element = made(html);
    if (old) morph(old, element);
    else fresh.set(id, element);
  }
  for (const [name, ids] of Object.entries(lists)) {
    const list = byId(`${name}-rows`);
    if (list) arrange(list, ids, fresh);
  }
  sift();
  tick();
}

// A page about one job or run is fetched again when that has changed; one at a time, and not all the time.
let fetching = false, wantsAgain = false;

async function again() {
  wantsAgain = true;
  if (fetching) return;
  fetching = true;
  while (wantsAgain) {
    wantsAgain = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) return void location.reload(); // to the login
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok) morph(byId("content"), fresh.getElementById("content"));
      tick();
    } catch {
      // the stream says that the connection is lost
    }
    await new Promise((done) => setTimeout(done, 500));
  }
  fetching = false;
}

function printing() {
  const every = byId("run")?.dataset.every; // what a run prints is no event
  if (every && !document.hidden && !document.documentElement.classList.contains("lost")) again();
}

// --- the connection --------------------------------------------------------------------------------

const SILENCE = 25_000; // milliseconds; something comes at least every 10 s
let stream = null, tag = page.tag, heard = Date.now(), retry = null;

function link(text) {
  const line = byId("link");
  if (line.hidden === !text && line.textContent === text) return;
  line.hidden = !text;
  line.textContent = text;
  document.documentElement.classList.toggle("lost", Boolean(text));
}

function connect() {
  clearTimeout(retry);
  stream?.close();
  heard = Date.now();
  const url = new URL(page.live, location.href);
  url.searchParams.set("after", tag);
  stream = new EventSource(url);
  stream.addEventListener("pulse", (event) => {
    heard = Date.now();
    link("");
    const pulse = JSON.parse(event.data);
    ahead = pulse.now - Date.now() / 1000;
    ({ offset, heartbeat } = pulse);
    tick();
  });
  stream.addEventListener("message", (event) => {
    tag = event.lastEventId;
    apply(JSON.parse(event.data));
  });
  stream.addEventListener("reload", () => location.reload()); // the server is a new one
  stream.addEventListener("error", () => {
    link("connection lost, trying again");
    if (stream.readyState === EventSource.CLOSED) retry = setTimeout(ask, 2000);
  });
}

// The stream was refused, or could not be opened: find out whether for want of a login.
async function ask() {
  try {
    const answer = await fetch("/@jobs", { method: "HEAD", headers: { Accept: "application/json" } });
    if (answer.status === 401) return logIn();
  } catch {
    // still lost
  }
  connect();
}

function logIn() {
  location.assign(`/@jobs/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function watch() {
  if (stream && Date.now() - heard > SILENCE) {
    link("connection lost, trying again");
    connect();
  }
}

// A browser allows few connections to one server: pages that nobody sees leave theirs to others.
function show() {
  if (!page.live) return;
  if (document.hidden) {
    clearTimeout(retry);
    stream?.close();
    stream = null;
  } else if (!stream) {
    connect();
  }
}

// --- commands --------------------------------------------------------------------------------------

let silence = null;

function say(text, seconds) {
  const line = byId("said");
  line.textContent = text;
  line.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { line.hidden = true; }, seconds * 1000);
}

async function command(button) {
  const body = new URLSearchParams(new FormData(form));
  body.set(button.name, button.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (answer.status === 401) return logIn();
    const { said, detail, title } = await answer.json();
    if (answer.ok) say(said, 5);
    else say(`✗ ${detail || title}`, 10);
    if (page.again) again();
  } catch {
    say("✗ the server does not answer", 10);
  }
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target !== form || !button || !button.name) return;
  event.preventDefault();
  if (!button.dataset.ask || confirm(button.dataset.ask)) command(button);
});

// --- the filter ------------------------------------------------------------------------------------

const field = byId("q");

function sift() {
  if (!field) return;
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const row of byId("jobs-rows").children) {
    const text = [...row.querySelectorAll("[data-find]")].map((each) => each.textContent).join(" ").toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (!row.hidden) found += 1;
  }
  byId("found").hidden = !words.length || found > 0;
}

function filtered() {
  sift();
  const url = new URL(location.href);
  if (field.value.trim()) url.searchParams.set("q", field.value.trim());
  else url.searchParams.delete("q");
  history.replaceState(null, "", url); // so that loading the page again keeps the filter
}

if (field && page.live) {
  field.addEventListener("input", filtered);
  byId("filter").addEventListener("submit", (event) => {
    if (byId("jobs-note").textContent) return; // not all jobs are here: let the server look
    event.preventDefault();
    focusRow(visible(byId("jobs-rows"))[0]);
  });
}

// --- keys ------------------------------------------------------------------------------------------

const visible = (list) => [...(list?.children || [])].filter((row) => !row.hidden);
const rowOf = (element) => element?.closest("[data-rows] > tr");

function focusRow(row) {
  if (!row) return false;
  const target = row.querySelector("a") || row;
  if (target === row) row.tabIndex = -1;
  target.focus();
  row.scrollIntoView({ block: "nearest" });
  return true;
}

function move(by) {
  const row = rowOf(document.activeElement);
  const rows = visible(row ? row.parentNode : document.querySelector("[data-rows]"));
  const at = row ? rows.indexOf(row) + by : by > 1 ? by : 0;
  focusRow(rows[Math.max(0, Math.min(rows.length - 1, at))]);
}

const press = (button) => { if (button && !button.disabled) button.click(); };

// The buttons of the row that has the focus, or, on a page about one job or run, of the page.
function pressHere(selector) {
  const row = rowOf(document.activeElement);
  const own = (row || byId("content")).querySelector(selector);
  if (own || !row) return void (page.again || row ? press(own) : null);
  const job = CSS.escape(row.dataset.job || "");
  press(document.querySelector(`[data-job="${job}"] ${selector}`));
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  g: () => move(-Infinity),
  G: () => move(Infinity),
  r: () => pressHere("button[name=run]"),
  p: () => pressHere("button[name=pause], button[name=resume]"),
  x: () => pressHere("button[name=cancel]"),
  "+": () => press(document.querySelector(".pool button:last-child")),
  "-": () => press(document.querySelector(".pool button:first-child")),
  "/": () => field?.select(),
  "?": () => byId("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.target === field && event.key === "Escape") {
    field.value = "";
    filtered();
    focusRow(visible(byId("jobs-rows"))[0]) || field.blur();
  }
  if (event.target.matches("input, textarea, select")) return;
  if (!(event.key in KEYS)) return;
  if (event.key.startsWith("Arrow") && !rowOf(document.activeElement)) return; // they scroll
  event.preventDefault();
  KEYS[event.key]();
});

byId("show-keys")?.addEventListener("click", () => byId("keys").showModal());

// --- go --------------------------------------------------------------------------------------------

if (byId("said").textContent) say(byId("said").textContent, 5);
sift();
tick();
setInterval(tick, 1000);
setInterval(printing, 2000);
setInterval(watch, 5000);
document.addEventListener("visibilitychange", show);
show();
