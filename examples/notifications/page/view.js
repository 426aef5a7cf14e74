// What is seen. Text from the server reaches the page through `textContent` alone.

const LONGEST_INBOX = 200;
const LABELS = {
  out: "Logged out",
  connecting: "Connecting",
  open: "Open",
  waiting: "Reconnecting",
  closed: "Closed",
};

/** The elements with an id, by their id. */
export const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);

const copyOf = (template) => template.content.firstElementChild.cloneNode(true);

export function show(state, sentence) {
  document.body.dataset.state = state;
  page.badge.textContent = LABELS[state];
  page.status.textContent = sentence;
  page.connect.hidden = state !== "waiting" && state !== "closed";
}

/** Says what went wrong, until something else did or all is well again; empty: nothing. */
export function trouble(text) {
  page.trouble.hidden = text === "";
  // A sentence that stands there already is not to be read out again with each attempt.
  if (page.alert.textContent !== text) page.alert.textContent = text;
}

// ---- the inbox

/** Shows something new on top. `kind` is what it is marked by, `type` its heading, `by` who says it. */
export function arrive({ kind, type, by, text, time, id, unread }) {
  const item = copyOf(page.item);
  const part = (selector) => item.querySelector(selector);
  item.dataset.type = kind;
  item.dataset.id = id;
  const icon = ["everyone", "user", "channel", "service"].includes(kind) ? kind : "error";
  part("use").setAttribute("href", `#icon-${icon}`);
  part(".type").textContent = type;
  part(".type").dataset.by = by;
  part("time").dateTime = time;
  part("time").textContent = clock(time);
  part(".text").textContent = text;
  const read = part(".read");
  read.setAttribute("aria-label", `Mark as read: ${type}, ${text}`);
  read.addEventListener("click", () => {
    const next = item.nextElementSibling?.querySelector(".read") ?? page["read-all"];
    markRead(item);
    next.focus();
  });
  item.dataset.unread = unread;
  if (!unread) read.remove();
  page.inbox.prepend(item);
  while (page.inbox.children.length > LONGEST_INBOX) page.inbox.lastElementChild.remove();
  page.announcer.textContent = `${type}: ${text}`;
  countUnread();
}

export function markAllRead() {
  for (const item of page.inbox.querySelectorAll('[data-unread="true"]')) markRead(item);
}

function markRead(item) {
  item.dataset.unread = false;
  item.querySelector(".read").remove();
  countUnread();
}

function countUnread() {
  const count = page.inbox.querySelectorAll('[data-unread="true"]').length;
  page.unread.textContent = count;
  // Not `disabled`: that would take the keyboard's focus away from the button just pressed.
  page["read-all"].setAttribute("aria-disabled", count === 0);
  document.title = count === 0 ? "Notifications" : `(${count}) Notifications`;
}

export function clear() {
  for (const list of [page.inbox, page.channels, page.tasks, page.to]) list.replaceChildren();
  for (const line of ["announcer", "sent", "channels-alert", "tasks-alert"]) {
    page[line].textContent = "";
  }
  page.received.textContent = page.returns.textContent = "0";
  page.text.value = "";
  countUnread();
}

function clock(timestamp) {
  const time = new Date(timestamp);
  if (Number.isNaN(time.getTime())) return timestamp;
  const isToday = time.toDateString() === new Date().toDateString();
  const two = (number) => String(number).padStart(2, "0");
  const whole = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return isToday ? whole : `${time.toLocaleDateString()} ${whole}`;
}

// ---- whom to write to, what to join

export function addressees(me) {
  const option = (value, text) => new Option(text, value);
  const group = (label, options) => {
    const element = document.createElement("optgroup");
    element.label = label;
    element.append(...options);
    return element;
  };
  page.to.replaceChildren(
    option("everyone", "Everyone"),
    group("Users", me.users.map((name) => option(`user/${name}`, name))),
    group("Channels", me.channels.map(({ name }) => option(`channel/${name}`, name))),
  );
}

/** Lists the channels; `toggle` is called with the channel whose button was pressed. */
export function channels(list, toggle) {
  page.channels.replaceChildren(
    ...list.map((channel) => {
      const item = copyOf(page.channel);
      item.dataset.name = channel.name;
      item.querySelector(".name").textContent = channel.name;
      const about = channel.membersOnly ? `${channel.about}. Members only` : channel.about;
      item.querySelector(".about").textContent = about;
      item.querySelector("button").addEventListener("click", () => toggle(channel));
      return item;
    }),
  );
}

export function joined(topics) {
  for (const item of page.channels.children) {
    const isJoined = topics.has(`channel/${item.dataset.name}`);
    item.dataset.joined = isJoined;
    const button = item.querySelector("button");
    button.textContent = isJoined ? "Leave" : "Join";
    button.setAttribute("aria-label", `${button.textContent} ${item.dataset.name}`);
  }
}

// ---- tasks

/** Shows how far a task is; `state` is "running", "finished" or "stopped". */
export function task(topic, title, percent, state) {
  let item = [...page.tasks.children].find((item) => item.dataset.topic === topic);
  if (item === undefined) {
    item = copyOf(page.running);
    item.dataset.topic = topic;
    item.querySelector(".name").textContent = title;
    item.querySelector("progress").setAttribute("aria-label", title);
    page.tasks.prepend(item);
  }
  const bar = item.querySelector("progress");
  bar.value = percent ?? bar.value;
  item.dataset.state = state;
  item.querySelector(".percent").textContent = state === "running" ? `${bar.value} %` : state;
}

export const received = (count) => (page.received.textContent = count);
export const returns = (count) => (page.returns.textContent = count);
