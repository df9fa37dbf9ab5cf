// Receives the page's events over one connection for all windows of a browser, which allows only six connections
// to one host. It is a shared worker; in a browser without them, each window has its own.
"use strict";

class SharedStream {
  constructor(root) {
    this.root = root; // the URL of the status page
    this.windows = new Map(); // by port: the id of the only row that the window shows, and the version that it has
    this.source = null;
    this.retryTimer = null;
    this.lastHeard = 0;
    setInterval(() => this.checkSilence(), 5000);
  }

  add(port) {
    port.onmessage = ({ data }) => (data ? this.open(port, data) : this.close(port));
  }

  // A window that has just been loaded has the right epoch; windows of an earlier server must reload.
  open(port, { row, tag }) {
    const epoch = tag.split("-")[0];
    for (const [other, { tag: otherTag }] of this.windows) {
      if (otherTag.split("-")[0] !== epoch) {
        other.postMessage({ type: "reload" });
        this.windows.delete(other);
      }
    }
    this.windows.set(port, { row, tag });
    this.connect();
  }

  close(port) {
    this.windows.delete(port);
    if (this.windows.size) return;
    clearTimeout(this.retryTimer);
    this.source?.close();
    this.source = null;
  }

  connect() {
    clearTimeout(this.retryTimer);
    this.source?.close();
    this.lastHeard = Date.now();
    const windows = [...this.windows.values()];
    const rows = new Set(windows.map(({ row }) => row));
    const version = ({ tag }) => Number(tag.split("-")[1]);
    // A window that has a later version may apply the same changes again: they contain the current state.
    const oldest = windows.reduce((one, other) => (version(other) < version(one) ? other : one));
    const url = new URL("live", this.root);
    if (rows.size === 1 && oldest.row) url.searchParams.set("row", oldest.row);
    url.searchParams.set("after", oldest.tag);
    this.source = new EventSource(url);
    for (const type of ["clock", "message", "reload"]) this.source.addEventListener(type, (event) => this.forward(event));
    this.source.addEventListener("error", () => this.handleError());
  }

  forward({ type, data, lastEventId }) {
    this.lastHeard = Date.now();
    for (const [port, shown] of this.windows) {
      if (type === "message") shown.tag = lastEventId;
      port.postMessage({ type, data, tag: shown.tag });
    }
  }

  handleError() {
    for (const port of this.windows.keys()) port.postMessage({ type: "lost" });
    if (this.source.readyState === EventSource.CLOSED) this.retryTimer = setTimeout(() => this.reconnect(), 2000);
  }

  // The server rejected the stream, or cannot be reached: find out whether it requires a login.
  async reconnect() {
    try {
      const response = await fetch(this.root, { method: "HEAD", headers: { Accept: "application/json" } });
      if (response.status === 401) {
        for (const port of this.windows.keys()) port.postMessage({ type: "login" });
        this.windows.clear();
      }
    } catch {
      // the connection is still lost
    }
    if (this.windows.size) this.connect();
  }

  // The server sends something at least every 10 seconds.
  checkSilence() {
    if (!this.source || Date.now() - this.lastHeard < 25_000) return;
    for (const port of this.windows.keys()) port.postMessage({ type: "lost" });
    this.connect();
  }
}

const sharedStream = new SharedStream(self.document ? document.baseURI : new URL(".", location).href);
self.onconnect = ({ ports: [port] }) => sharedStream.add(port);
