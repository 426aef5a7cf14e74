// Who is logged in, what they are subscribed to, and what becomes of what is heard.

import * as api from "/api.js";
import { stream } from "/stream.js";
import * as view from "/view.js";

const { page } = view;

let me = null; // who is logged in, or was until the login expired
let connection = null; // the name of the open connection
let asked = new Set(); // the topics that the newest ticket was asked for
const topics = new Set(); // the channels joined and the tasks watched, beside what everyone hears
let received = 0;
let opened = 0;
let reports = 0;
const ended = new Set(); // the tasks that are over

const events = stream({
  types: ["notification", "progress", "finished", "stopped", "expired"],
  last: ["expired"],
  ticket: () => {
    asked = new Set(topics);
    return api.ticket([...asked]);
  },
  onState,
  onEvent,
  isFinal: (error) => error.status === 401,
});

// ---- in and out

async function logIn(name, password) {
  view.trouble("");
  try {
    await api.logIn(name, password);
    const user = await api.whoAmI();
    if (me?.name !== user.name) begin(user);
    page.user.textContent = user.name;
    page.password.value = "";
    events.open();
    page["inbox-heading"].focus();
  } catch (error) {
    view.trouble(`You are not logged in: ${error.message}.`);
  }
}

function begin(user) {
  forget();
  me = user;
  view.addressees(user);
  view.channels(user.channels, (channel) => toggle(channel.name));
  view.joined(topics);
}

/** Closes the stream; the inbox stays for when the same user comes back. */
function out(sentence) {
  events.close();
  connection = null;
  api.logOut();
  view.show("out", sentence);
}

function forget() {
  events.forget();
  me = null;
  topics.clear();
  ended.clear();
  received = opened = reports = 0;
  view.clear();
}

// ---- the stream

function onState(state, detail) {
  if (state !== "open") connection = null;
  if (state === "connecting") {
    view.show("connecting", "Asking for a ticket and a stream.");
  } else if (state === "open") {
    connection = detail;
    view.returns(opened++);
    view.trouble("");
    view.show("open", "What is sent appears as it is sent.");
    catchUp();
  } else if (state === "waiting") {
    const what = detail === null ? "The connection was lost" : `There is no stream: ${detail.message}`;
    view.trouble(`${what}.`);
    view.show("waiting", "It tries again by itself, and goes on where it was.");
    if (detail?.status === 403 || detail?.status === 404) refused();
  } else {
    view.trouble(`You are logged out: ${detail.message}.`);
    out("Log in again; nothing is lost.");
    page.password.focus();
  }
}

/** Some topic is not, or no longer, for this user: the next ticket asks for none. */
function refused() {
  topics.clear();
  view.joined(topics);
}

/** Does to the open connection what was joined and left while it was being opened. */
function catchUp() {
  for (const topic of topics) if (!asked.has(topic)) change(api.join, topic);
  for (const topic of asked) if (!topics.has(topic)) change(api.leave, topic);
}

function onEvent(type, data, id) {
  view.received(++received);
  switch (type) {
    case "notification":
      notify(data, id);
      break;
    case "progress":
      view.task(data.task, data.title, data.percent, "running");
      break;
    case "finished":
      view.task(data.task, data.title, 100, "finished");
      unwatch(data.task);
      break;
    case "stopped":
      view.task(data.task, data.title, undefined, "stopped");
      unwatch(data.task);
      break;
    case "gap":
      tell(
        "gap",
        "Something is missing",
        `What was sent to ${named(data.topics)} was deleted before it reached you.`,
      );
      break;
    case "reset":
      tell("reset", "A new beginning", "The server’s log has begun anew. What is below may be void.");
      break;
    case "replaced":
      connection = null;
      view.trouble("Too many windows are open: a newer one of yours has taken this one’s place.");
      view.show("closed", "This window hears nothing more.");
      break;
    case "expired":
      view.trouble("Your login has expired.");
      out("Log in again; nothing is lost.");
      page.password.focus();
      break;
  }
}

function notify({ from, to, text, time }, id) {
  const [kind, name] = to.split("/");
  const by = from ?? "service";
  const whom = { everyone: "to everyone", user: "to you", channel: `in ${name}` }[kind];
  const type = from === null ? "From the service" : `${from} ${whom}`;
  view.arrive({ kind: from === null ? "service" : kind, type, by, text, time, id, unread: true });
}

/** Topics in words; none are named where it may be any. */
function named(topics = ["some topic"]) {
  const words = { user: "you", task: "a task" };
  const names = topics.map((topic) => {
    const [kind, name] = topic.split("/");
    return words[kind] ?? name ?? kind;
  });
  return new Intl.ListFormat("en").format(new Set(names));
}

function tell(kind, type, text) {
  view.arrive({ kind, type, by: "", text, time: new Date().toISOString(), id: "", unread: false });
}

// ---- channels and tasks

async function toggle(name) {
  const topic = `channel/${name}`;
  const isJoined = topics.has(topic);
  page["channels-alert"].textContent = "";
  try {
    await change(isJoined ? api.leave : api.join, topic);
  } catch (error) {
    const what = isJoined ? "left" : "joined";
    page["channels-alert"].textContent = `${name} was not ${what}: ${error.message}.`;
  }
}

/** Joins or leaves, on the open connection and on those to come. */
async function change(verb, topic) {
  const keep = (isIn) => {
    isIn ? topics.add(topic) : topics.delete(topic);
    view.joined(topics);
  };
  keep(verb === api.join);
  if (connection === null) return;
  try {
    await verb(connection, topic);
  } catch (error) {
    // The request came to another instance than the stream, or the stream has just ended.
    if (error.code === "no_such_connection") {
      events.open();
      return;
    }
    if (error.status !== 0) keep(verb !== api.join);
    throw error;
  }
}

async function startTask() {
  page["tasks-alert"].textContent = "";
  const title = `Report ${++reports}`;
  try {
    await watch(title);
  } catch (error) {
    page["tasks-alert"].textContent = `${title} was not started: ${error.message}.`;
  }
}

/** Starts a task that is watched from its first step. */
async function watch(title) {
  // A quick one may be over before the answer is there.
  const keep = (topic) => ended.has(topic) || topics.add(topic);
  if (connection !== null) {
    try {
      keep(await api.startTask(title, connection));
      return;
    } catch (error) {
      if (error.code !== "no_such_connection") throw error;
    }
  }
  // No connection there: a stream from before the start, with the task among its topics, has it all.
  keep(await api.startTask(title, null));
  events.open();
}

function unwatch(topic) {
  ended.add(topic);
  change(api.leave, topic).catch(() => {});
}

// ---- wiring

page["inbox-heading"].tabIndex = -1;
page.login.addEventListener("submit", (event) => {
  event.preventDefault();
  logIn(page.name.value.trim(), page.password.value);
});
page["log-out"].addEventListener("click", () => {
  view.trouble("");
  out("No stream is open.");
  forget();
  page.name.focus();
});
page.connect.addEventListener("click", () => {
  view.trouble("");
  events.open();
  page["inbox-heading"].focus();
});
page["read-all"].addEventListener("click", view.markAllRead);
page.start.addEventListener("click", startTask);
page.letter.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [to, text] = [page.to.value, page.text.value];
  try {
    await api.send(to, text);
    page.text.value = "";
    page.sent.dataset.wrong = false;
    page.sent.textContent = `Sent to ${page.to.selectedOptions[0].text}.`;
  } catch (error) {
    page.sent.dataset.wrong = true;
    page.sent.textContent = `Not sent: ${error.message}.`;
  }
});
window.addEventListener("online", () => {
  if (document.body.dataset.state === "waiting") events.open();
});
