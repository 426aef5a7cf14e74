// The server's API. The token is in this module's memory alone: not in storage, not in a cookie, never in a URL.

let token = null;

/** What the server, or the way to it, had against a request. */
export class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status; // 0: there was no answer
    this.code = code;
  }
}

/** Logs in; what is asked from then on is asked as this user. */
export async function logIn(name, password) {
  token = null;
  const answer = await call("POST", "/api/login", { name, password });
  token = answer.token;
}

export function logOut() {
  token = null;
}

export const whoAmI = () => call("GET", "/api/me");

/** A ticket that opens one stream, once and soon. */
export const ticket = async (topics) => (await call("POST", "/api/ticket", { topics })).ticket;

export const join = (connection, topic) => change(connection, "join", topic);
export const leave = (connection, topic) => change(connection, "leave", topic);
export const send = (to, text) => call("POST", "/api/notifications", { to, text });

/** Starts a task that `connection` watches from its first step; gives its topic. */
export const startTask = async (title, connection) =>
  (await call("POST", "/api/tasks", { title, connection })).task;

const change = (connection, verb, topic) =>
  call("POST", `/api/connections/${connection}/${verb}`, { topic });

async function call(method, path, body) {
  const headers = new Headers();
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  let response;
  try {
    response = await fetch(path, { method, headers, body: JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Problem(0, "unreachable", "the server cannot be reached");
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const { code = "unknown", message = `the server answered ${response.status}` } = answer?.error ?? {};
  throw new Problem(response.status, code, message);
}
