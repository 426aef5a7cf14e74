// One run: start, receive, complete, read back. Everything that is known about it is in this
// module's memory. Text from the server reaches the page through `textContent` alone.

import { LastingEventSource } from "/sse.js";

const LABELS = {
  idle: "Idle",
  connecting: "Connecting",
  open: "Open",
  complete: "Complete",
  reconnecting: "Reconnecting",
  error: "Error",
};
const ICONS = new Set(["connecting", "message", "complete", "superseded", "error"]);
const LAST = new Set(["complete", "superseded"]);

// Never in a cookie, in storage or in the address: a duplicated tab would take those along.
// Not `randomUUID`: that one wants a secure context.
const session = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
  byte.toString(16).padStart(2, "0"),
).join("");

const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);

let source = null; // the event source, until the run is over
let reading = null; // aborts the read of the stored events that is under way
let received = []; // the events of this run

// ---- the stream

function start() {
  clear();
  show("connecting", "Asking the server for a stream.");

  // It comes back after a loss, with the id of the last event, until the last one of the run is there.
  // The server takes no HEAD here: that must not begin a run.
  const opened = new LastingEventSource(`/api/sse?sessionId=${session}`, { completeOn: isLast, head: false });
  source = opened;
  // A stream whose backend cannot be reached opens too, and says nothing.
  opened.addEventListener("position", () => {
    if (document.body.dataset.state === "open") return;
    trouble("");
    show("open", "Events arrive as they are sent.");
  });
  opened.addEventListener("reset", () => {
    clear();
    trouble("");
    show("open", "The run before is gone: this is another one, from its beginning.");
  });
  opened.addEventListener("gap", () => trouble("Some events of this run are gone from the server."));
  opened.onmessage = (message) => receive(message);
  opened.onerror = () => {
    document.body.dataset.errors = Number(document.body.dataset.errors) + 1;
    lose();
  };
}

/** Forgets what was received and read. */
function clear() {
  page.timeline.replaceChildren();
  clearStored();
  received = [];
  page.received.textContent = "0";
  page.lasted.textContent = "–";
}

/** Ends the stream; nothing of it is heard again. */
function hangUp() {
  source?.close();
  source = null;
}

function receive(message) {
  let event;
  try {
    event = parse(message);
  } catch {
    hangUp();
    trouble("The server sent an event that this page cannot read.");
    show("error", "The stream was closed by this page.");
    return;
  }
  if (LAST.has(event.type)) hangUp();

  received.push(event);
  page.timeline.append(row(event));
  page.received.textContent = received.length;
  page.lasted.textContent = duration(received[0].timestamp, event.timestamp);

  if (event.type === "complete") {
    show("complete", "All was said. The connection is closed.");
    readStored();
  } else if (event.type === "superseded") {
    trouble("A newer run of this session took over.");
    show("error", "This run is closed.");
  }
}

function parse(message) {
  const event = { ...JSON.parse(message.data), id: message.lastEventId };
  if (typeof event.type !== "string") throw new TypeError("an event without a type");
  return event;
}

function isLast(message) {
  try {
    return message.type === "message" && LAST.has(parse(message).type);
  } catch {
    return false;
  }
}

function lose() {
  const wasOpen = document.body.dataset.state === "open";
  // An `EventSource` is not told which of the two it is.
  trouble(wasOpen ? "The connection was lost in mid-stream." : "There is no stream: the server is away, or refused one.");
  const asked = "The stream is asked for again by itself";
  show("reconnecting", received.length > 0 ? `${asked}, from where it broke off.` : `${asked}.`);
}

function stop() {
  hangUp();
  trouble("");
  const count = received.length;
  show("idle", `Stopped after ${count} ${count === 1 ? "event" : "events"}.`);
}

const isRunning = () => source !== null;

// ---- the stored events

async function readStored() {
  reading?.abort();
  const mine = new AbortController();
  reading = mine;
  page.reload.setAttribute("aria-busy", "true");
  try {
    const events = await fetchStored(mine.signal);
    if (reading !== mine) return;
    clearStored();
    page.stored.replaceChildren(...events.map(row));
    page.kept.textContent = events.length;
    page.verdict.textContent = verdict(events);
    page.verdict.dataset.same = same(events, received);
  } catch (error) {
    if (reading !== mine) return;
    clearStored();
    page["stored-alert"].textContent = `The stored events could not be read: ${error.message}.`;
  }
}

async function fetchStored(signal) {
  const events = [];
  const query = new URLSearchParams({ sessionId: session });
  for (;;) {
    const response = await fetch(`/api/events?${query}`, { signal, cache: "no-store" });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const part = await response.json();
    events.push(...part.events);
    if (part.events.length === 0 || part.next === null) return events;
    query.set("after", part.next);
  }
}

function clearStored() {
  reading?.abort();
  reading = null;
  page.reload.removeAttribute("aria-busy");
  page.stored.replaceChildren();
  page.kept.textContent = "–";
  page.verdict.textContent = "";
  page["stored-alert"].textContent = "";
}

function verdict(events) {
  if (events.length === 0) return "Nothing is stored for this session.";
  if (same(events, received)) return "Identical to what was received, event by event.";
  return `${events.length} stored, ${received.length} received.`;
}

function same(some, others) {
  const fields = ({ id, type, message, timestamp, data }) => [id, type, message, timestamp, data];
  const text = (events) => JSON.stringify(events.map(fields));
  return text(some) === text(others);
}

// ---- what is seen

function show(state, sentence) {
  document.body.dataset.state = state;
  page.badge.textContent = LABELS[state];
  page.status.textContent = sentence;
  // Not `disabled`: that would take the keyboard's focus away from the button just pressed.
  page.start.setAttribute("aria-disabled", isRunning());
  page.stop.setAttribute("aria-disabled", !isRunning());
}

/** Says what went wrong, until something else did or the stream is open; empty: nothing. */
function trouble(text) {
  page.trouble.hidden = text === "";
  page.alert.textContent = text;
}

function row(event) {
  const item = page.event.content.firstElementChild.cloneNode(true);
  const part = (selector) => item.querySelector(selector);
  item.dataset.type = event.type;
  item.dataset.id = event.id;
  part("use").setAttribute("href", `#icon-${ICONS.has(event.type) ? event.type : "other"}`);
  part(".type").textContent = event.type;
  part(".text").textContent = event.message;
  part("time").dateTime = event.timestamp;
  part("time").textContent = clock(event.timestamp);
  part(".id").textContent = event.id;
  part(".data").textContent = event.data === undefined ? "" : JSON.stringify(event.data);
  return item;
}

function clock(timestamp) {
  const time = new Date(timestamp);
  if (Number.isNaN(time.getTime())) return timestamp;
  const two = (number) => String(number).padStart(2, "0");
  const whole = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${whole}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function duration(from, to) {
  const seconds = (new Date(to) - new Date(from)) / 1000;
  return Number.isNaN(seconds) ? "–" : `${seconds.toFixed(2)} s`;
}

// ---- wiring

page.session.textContent = session.slice(0, 8);
page.session.title = session;
page.start.addEventListener("click", () => {
  if (isRunning()) return;
  trouble("");
  start();
});
page.stop.addEventListener("click", () => {
  if (isRunning()) stop();
});
page.reload.addEventListener("click", readStored);
// A page that is kept for "back" must not hold a stream, nor come back to a broken one.
window.addEventListener("pagehide", () => {
  if (isRunning()) stop();
});
