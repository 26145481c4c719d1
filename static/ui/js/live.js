// Client of /ws/v1/live: one socket, latest value wins, at most one DOM update per frame.

import { setServerTime } from "./age.js";
import { say } from "./strings.js";

const PING_MS = 25_000;
const SILENCE_MS = 60_000; // a dead connection is not always closed by the network
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const OFFLINE_AFTER = 4; // failed attempts in a row
const SIGNED_OUT = 4401;
const FORBIDDEN = 4403;
const PAGE = "page";
const EVENTS = "events";
const TOO_OLD = ["events_deleted", "too_many_events", "unknown_seq"];

// Half of the delay is random, so that a restarted server is not stormed.
export function backoff(attempt, random = Math.random()) {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return ceiling / 2 + (random * ceiling) / 2;
}

export class LiveConnection {
  #url;
  #subscription;
  #events;
  #seq = null;
  #onPoints;
  #onEvent;
  #onState;
  #socket = null;
  #attempt = 0;
  #retry = 0;
  #watch = 0;
  #heardAt = 0;
  #pending = new Map();
  #painting = false;

  // `events`: types that not everybody may see; without the right they are left out.
  constructor({ url, subscription, events = [], onPoints, onEvent = () => {}, onState = () => {} }) {
    this.#url = url;
    this.#subscription = subscription;
    this.#events = events;
    this.#onPoints = onPoints;
    this.#onEvent = onEvent;
    this.#onState = onState;
  }

  start() {
    addEventListener("online", () => this.#reconnectNow());
    addEventListener("offline", () => this.#onState("offline"));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.#socket) this.#reconnectNow();
    });
    this.#watch = setInterval(() => this.#keepAlive(), PING_MS);
    this.#connect();
  }

  stop() {
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  #connect() {
    clearTimeout(this.#retry);
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.addEventListener("open", () => {
      this.#subscribe();
    });
    socket.addEventListener("message", (message) => {
      if (socket === this.#socket) this.#receive(JSON.parse(message.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.#socket) this.#closed(event.code);
    });
  }

  // After a break events go on where they ended.
  #subscribe() {
    const since = this.#seq === null ? {} : { since_seq: this.#seq };
    this.#send({ type: "sub", id: PAGE, ...this.#subscription, ...since });
    if (this.#events.length === 0) return;
    const wanted = { ...this.#subscription, types: this.#events, ...since };
    this.#send({ type: "sub", id: EVENTS, ...wanted });
  }

  #refused(message) {
    if (TOO_OLD.includes(message.code) && this.#seq !== null) {
      this.#seq = null;
      this.#onEvent({ event_type: "missed" });
      this.#subscribe();
    } else if (message.id !== EVENTS) this.#onState("offline");
  }

  #reconnectNow() {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    this.#attempt = 0;
    this.#onState("reconnecting");
    this.#connect();
  }

  #closed(code) {
    this.#socket = null;
    if (code === SIGNED_OUT || code === FORBIDDEN) {
      this.#onState("signed_out");
      return;
    }
    this.#attempt += 1;
    const offline = !navigator.onLine || this.#attempt >= OFFLINE_AFTER;
    this.#onState(offline ? "offline" : "reconnecting");
    this.#retry = setTimeout(() => this.#connect(), backoff(this.#attempt));
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #keepAlive() {
    if (!this.#socket) return;
    if (Date.now() - this.#heardAt > SILENCE_MS) this.#socket.close();
    else this.#send({ type: "ping" });
  }

  #receive(message) {
    this.#heardAt = Date.now();
    switch (message.type) {
      case "welcome":
        if (message.server_time) setServerTime(Date.parse(message.server_time));
        break;
      case "ok":
        this.#attempt = 0;
        this.#seq ??= message.since_seq ?? null;
        if (message.id === PAGE) this.#onState("live");
        break;
      case "err":
        this.#refused(message);
        break;
      case "snapshot":
      case "data":
        this.#keep(message.points ?? []);
        break;
      case "event":
        this.#seq = Math.max(this.#seq ?? 0, message.seq);
        message.events.forEach((event) => this.#onEvent(event));
        break;
      case "lag":
        if (message.since_seq !== undefined) this.#onEvent({ event_type: "missed" });
        break;
      default: // newer servers may say more
    }
    const frame = message.frame ?? message.seq;
    if (frame !== undefined) this.#send({ type: "ack", n: frame });
  }

  // The map holds one entry per channel, so a hidden tab cannot pile up memory.
  #keep(points) {
    for (const point of points) {
      const key = `${point[0]}|${point[1]}`;
      const known = this.#pending.get(key);
      if (!known || known[2] <= point[2]) this.#pending.set(key, point);
    }
    if (this.#painting || this.#pending.size === 0) return;
    this.#painting = true;
    requestAnimationFrame(() => {
      this.#painting = false;
      const latest = this.#pending;
      this.#pending = new Map();
      this.#onPoints(latest);
    });
  }
}

export function liveUrl(path = "/ws/v1/live") {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

const BADGES = {
  live: "live",
  reconnecting: "reconnecting",
  offline: "offline",
  signed_out: "offline",
};

export function showState(state) {
  for (const badge of document.querySelectorAll("[data-live-state]")) {
    badge.className = `badge badge--${BADGES[state] ?? "waiting"}`;
    badge.textContent = say(`live.${state}`);
  }
}
