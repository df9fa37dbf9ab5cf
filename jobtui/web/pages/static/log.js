// The log view: appends the lines that are written, and filters and searches the lines that are there.
"use strict";

const logView = byId("log-view"), logLines = byId("log"), logEnd = byId("log-end");
const findInput = byId("find"), onlyBox = byId("only"), levelBox = byId("level"), wrapBox = byId("nowrap");
const MAX_LINES = 5000; // that a browser scrolls smoothly
const FASTEST = 500, SLOWEST = 3000; // milliseconds from one request to the next
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu; // a browser would act on them
const LEVELS = { NOTSET: 0, DEBUG: 10, INFO: 20, WARN: 30, WARNING: 30, ERROR: 40, FATAL: 50, CRITICAL: 50 };
const TONES = { stderr: "waiting", WARNING: "waiting", ERROR: "failed", CRITICAL: "failed", DEBUG: "muted" };
let position = logView.dataset.after, delay = FASTEST;

const safeText = (text) => text.replaceAll("\t", "    ").replace(UNSAFE, (each) => `\\u${each.codePointAt(0).toString(16).padStart(4, "0")}`);

function timeOf(instant) {
  const shifted = new Date(Date.parse(instant) + zoneOffset * 1000);
  return shifted.toISOString().slice(11, 23);
}

function makeLine({ at, job, run, stream, text }, isUnfinished) {
  const line = document.createElement("span"), content = document.createElement("span");
  const level = LEVELS[stream] ?? /^Level (\d+)$/.exec(stream || "")?.[1]; // a line of a stream has none
  line.className = "log-line";
  if (TONES[stream]) line.classList.add(`tone-${TONES[stream]}`);
  if (level !== undefined) line.dataset.level = level;
  if (isUnfinished) line.classList.add("unfinished");
  if (at) {
    line.dataset.at = timeOf(at);
    line.title = at;
  }
  if (stream && stream !== "stdout") line.dataset.stream = safeText(stream);
  if (run && !logView.dataset.run) {
    const source = document.createElement("a");
    source.className = "source";
    source.href = `runs/${run}`;
    const name = document.createElement("bdi");
    name.textContent = name.title = safeText(job);
    source.append(name, ` #${run}`);
    line.append(source);
  }
  content.textContent = `${safeText(text)}\n`;
  line.append(content);
  filterLine(line);
  return line;
}

// --- filter and search -------------------------------------------------------------------------------

const wantedText = () => findInput.value.trim();

// A text without upper case finds every case.
function contains(text, wanted) {
  return (wanted === wanted.toLowerCase() ? text.toLowerCase() : text).includes(wanted);
}

function filterLine(line) {
  const isMatch = Boolean(wantedText()) && contains(line.lastElementChild.textContent, wantedText());
  line.classList.toggle("match", isMatch);
  const isLow = Number(line.dataset.level) < Number(levelBox.selectedOptions[0].dataset.level); // NaN without a level
  line.hidden = isLow || (onlyBox.checked && Boolean(wantedText()) && !isMatch);
}

const matchingLines = () => [...logLines.querySelectorAll(".match:not([hidden])")];

function showMatches(current) {
  const matches = matchingLines();
  const number = matches.length;
  const text = current < 0 ? `${number} ${number === 1 ? "line contains" : "lines contain"} the text` : `${current + 1} of ${number} lines`;
  setText(byId("log-matches"), wantedText() ? text : "");
}

function applyLogFilter() {
  for (const line of logLines.children) filterLine(line);
  logLines.classList.toggle("nowrap", wrapBox.checked);
  showMatches(-1);
  const url = new URL(location.href);
  const given = { q: findInput.value.trim(), only: onlyBox.checked ? "on" : "", level: levelBox.value, wrap: wrapBox.checked ? "off" : "" };
  for (const [name, value] of Object.entries(given)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, "", url); // a reload keeps the filter
}

function goToMatch(by) {
  const matches = matchingLines();
  if (!matches.length) return;
  const before = matches.findIndex((line) => line.classList.contains("current"));
  const index = before < 0 ? (by > 0 ? 0 : matches.length - 1) : (before + by + matches.length) % matches.length;
  matches[before]?.classList.remove("current");
  matches[index].classList.add("current");
  matches[index].scrollIntoView({ block: "center" });
  showMatches(index);
}

// --- following ---------------------------------------------------------------------------------------

function isAtEnd() {
  return logLines.scrollTop + logLines.clientHeight >= logLines.scrollHeight - 40;
}

function scrollToEnd() {
  logLines.scrollTop = logLines.scrollHeight;
}

function scrollToStart() {
  logLines.scrollTop = 0;
}

function appendLines({ lines, unfinished, continues }) {
  for (const each of logLines.querySelectorAll(".unfinished")) each.remove();
  if (!continues) logLines.append(makeLine({ text: "[lines in between are not kept]" }, false));
  logLines.append(...lines.map((line) => makeLine(line, false)), ...unfinished.map((line) => makeLine(line, true)));
  while (logLines.children.length > MAX_LINES) logLines.firstElementChild.remove();
  if (lines.length || unfinished.length) byId("log-empty")?.remove();
  if (wantedText()) showMatches(-1);
}

async function followLog() {
  if (!document.hidden && !isConnectionLost()) {
    try {
      const url = new URL("api/output/page", document.baseURI);
      if (logView.dataset.run) url.searchParams.set("run", logView.dataset.run);
      url.searchParams.set("after", position);
      const response = await fetch(url);
      if (response.status === 401) return logIn();
      if (response.status === 404) return void setText(logEnd, "the run is not kept any more");
      if (response.ok) {
        const found = await response.json();
        const wasAtEnd = isAtEnd(); // a reader who has scrolled back stays there
        const isNews = found.lines.length > 0 || found.unfinished.length > 0 || logLines.querySelector(".unfinished");
        if (isNews || !found.continues) appendLines(found);
        if (wasAtEnd && isNews) scrollToEnd();
        position = found.after;
        delay = found.lines.length ? FASTEST : Math.min(SLOWEST, delay * 1.5);
        if (found.ended) {
          setText(logEnd, "the run has ended");
          return void showEnd();
        }
        if (!found.is_latest) return void followLog();
      }
    } catch {
      // the stream's error handler shows that the connection is lost
    }
  }
  setTimeout(followLog, delay);
}

// Show the state in which the run has ended.
async function showEnd() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (response.ok) byId("log-state")?.replaceWith(fresh.getElementById("log-state"));
}

// --- start -------------------------------------------------------------------------------------------

Object.assign(KEYS, {
  n: () => goToMatch(1),
  N: () => goToMatch(-1),
  W: () => wrapBox.click(),
  T: () => logLines.classList.toggle("no-times"),
  f: scrollToEnd, // and stay there
  G: scrollToEnd,
  g: scrollToStart,
});

findInput.addEventListener("input", applyLogFilter);
for (const each of [onlyBox, levelBox, wrapBox]) each.addEventListener("change", applyLogFilter);
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  goToMatch(1);
  findInput.blur();
});
if (findInput.value) applyLogFilter();
scrollToEnd();
if (position !== undefined) setTimeout(followLog, FASTEST);
