// @ts-check

/**
 * An `EventSource` that lasts: where a browser gives up, it goes on from the last event.
 *
 * One file, no dependency, no build step; see README.md beside it.
 *
 * @module
 */

/** The query parameter that stands in for the `Last-Event-ID` header, which no page can set. */
const PARAMETER = "lastEventId";

/** What a subscription of `sse-hub` opens with: where it is, whoever listens for that. */
const POSITION = "position";

/** The statuses after which a later attempt may succeed. */
const RETRIED = new Set([429, 500, 502, 503, 504]);

/** The statuses of servers that answer no HEAD. */
const NO_HEAD = new Set([405, 501]);

/** What browsers take for a timer's time; more would be none. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * All times are in milliseconds.
 *
 * @typedef {object} Options
 * @property {boolean} [withCredentials] As for `EventSource`: cookies go to other origins too.
 * @property {string | readonly string[] | ((event: MessageEvent<string>) => boolean)} [completeOn]
 *   Which event is the last: one of these types, or one for which the function is true. Only events
 *   that are listened for are shown to it.
 * @property {string} [lastEventId] Where to begin: after the event with this id.
 * @property {number} [reconnectionTime] The least wait before another attempt; 3 s. The stream's own
 *   `retry` cannot be seen by a page; the browser heeds it in what it does itself.
 * @property {readonly [number, number]} [bounds] No wait is shorter or longer, whatever the server
 *   says; 100 ms and 60 s.
 * @property {number} [budget] How many attempts in a row may fail before it gives up; any number.
 * @property {number} [healthyAfter] How long a stream must have been open for the count to start
 *   anew; 30 s.
 * @property {number} [hiddenAfter] How long the page may be hidden before the stream is let go; 60 s.
 *   `Infinity`: for ever.
 * @property {boolean} [head] Whether an attempt after a failure first asks by HEAD; it does.
 */

/**
 * Gives the address of an attempt.
 *
 * @typedef {() => string | URL | PromiseLike<string | URL>} Address
 */

/**
 * Why it is closed.
 *
 * | reason | what has happened |
 * |---|---|
 * | `completed` | the completing event was dispatched |
 * | `no-content` | the server has no more to say: 204 |
 * | `closed` | the page called `close()` |
 * | `status` | the server refused with a status that says not to come back |
 * | `not-an-event-stream` | the answer was something else |
 * | `budget-spent` | the last attempt that the budget allows has failed |
 *
 * @typedef {object} End
 * @property {"completed" | "no-content" | "closed" | "status" | "not-an-event-stream" | "budget-spent"} reason
 * @property {number} [status] The status, where that is the reason.
 */

/**
 * @template {Event} E
 * @typedef {((this: LastingEventSource, event: E) => unknown) | null} Handler
 */

/**
 * An `EventSource` that reconnects also where the browser would not, closes at the last event, and
 * lets go while the page is hidden.
 *
 * It has the surface of `EventSource`. Its events:
 *
 * | event | when |
 * |---|---|
 * | `open` | a stream is open |
 * | `message`, and types of the stream's own | an event has come, as a `MessageEvent` |
 * | `error` | a stream was lost or an attempt has failed: `readyState` says whether another follows |
 * | `close` | it is closed for good, and not by `close()`: `end` says why |
 *
 * Source: WHATWG HTML §9.2, "Server-sent events".
 */
export class LastingEventSource extends EventTarget {
  /** @type {0} */ static CONNECTING = 0;
  /** @type {1} */ static OPEN = 1;
  /** @type {2} */ static CLOSED = 2;
  /** @type {0} */ CONNECTING = 0;
  /** @type {1} */ OPEN = 1;
  /** @type {2} */ CLOSED = 2;

  /** Where to; `null` while a function has not said it yet. @type {URL | null} */ #url = null;
  /** Gives the address of each attempt, where each has its own. @type {Address | null} */ #next = null;
  /** @type {Required<Omit<Options, "completeOn" | "lastEventId">>} */ #options;
  /** @type {(event: MessageEvent<string>) => boolean} */ #isLast;
  /** The types that are listened for. */
  #types = new Set(["message"]);
  /** @type {Map<string, Handler<any>>} */ #handlers = new Map();

  /** @type {0 | 1 | 2} */ #readyState = 0;
  /** @type {End | null} */ #end = null;
  #lastEventId = "";
  /** @type {EventSource | null} */ #source = null;
  /** The last event ID as the browser has it, who knows of this one source alone. */
  #idOfSource = "";

  /** Attempts since the last healthy stream. */
  #attempts = 0;
  /** @type {number | null} */ #openSince = null;
  /** When the next attempt may begin. */
  #notBefore = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {AbortController | null} */ #asking = null;

  #isPaused = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #hiding;
  /** Aborted when it closes. */
  #life = new AbortController();

  /**
   * Opens a stream.
   *
   * A function is asked for the address of each attempt: for one that is good for one visit only, such
   * as one with a ticket. The browser is then not left to come back by itself, and nothing is asked by
   * HEAD. What the function throws is a failed attempt.
   *
   * @param {string | URL | Address} url
   * @param {Options} [options]
   * @throws {TypeError} The URL cannot be read.
   */
  constructor(url, options = {}) {
    super();
    const { completeOn = [], lastEventId = "", withCredentials = false, head = true } = options;
    const { reconnectionTime = 3_000, bounds = [100, 60_000], budget = Infinity } = options;
    const { healthyAfter = 30_000, hiddenAfter = 60_000 } = options;
    if (typeof url === "function") this.#next = url;
    else this.#url = resolved(url);
    this.#lastEventId = lastEventId;
    const waits = { reconnectionTime, bounds, budget, healthyAfter, hiddenAfter };
    this.#options = { withCredentials, head, ...waits };
    if (typeof completeOn === "function") {
      this.#isLast = completeOn;
    } else {
      const types = new Set([completeOn].flat());
      this.#isLast = (event) => types.has(event.type);
      types.forEach((type) => this.#types.add(type));
    }
    this.#attempt();
    if (globalThis.document) {
      const { signal } = this.#life;
      document.addEventListener("visibilitychange", () => this.#look(), { signal });
      // A page that is kept for "back" must not hold a stream, nor come back to a broken one.
      addEventListener("pagehide", () => this.#pause(), { signal });
      addEventListener("pageshow", () => this.#look(), { signal });
      this.#look();
    }
  }

  /** The address, without what was added to it; empty while it is not known. */
  get url() {
    return this.#url?.href ?? "";
  }

  get withCredentials() {
    return this.#options.withCredentials;
  }

  /**
   * `OPEN`: a stream is open. `CONNECTING`: none is, and one will be. `CLOSED`: none will be.
   *
   * @returns {0 | 1 | 2}
   */
  get readyState() {
    return this.#readyState;
  }

  /** The id of the last event that has come; empty where none had one. */
  get lastEventId() {
    return this.#lastEventId;
  }

  /** Why it is closed; `null` until then. */
  get end() {
    return this.#end;
  }

  /** @returns {Handler<Event>} */
  get onopen() {
    return this.#handlers.get("open") ?? null;
  }
  set onopen(handler) {
    this.#handle("open", handler);
  }

  /** @returns {Handler<MessageEvent<string>>} */
  get onmessage() {
    return this.#handlers.get("message") ?? null;
  }
  set onmessage(handler) {
    this.#handle("message", handler);
  }

  /** @returns {Handler<Event>} */
  get onerror() {
    return this.#handlers.get("error") ?? null;
  }
  set onerror(handler) {
    this.#handle("error", handler);
  }

  /** @returns {Handler<Event>} */
  get onclose() {
    return this.#handlers.get("close") ?? null;
  }
  set onclose(handler) {
    this.#handle("close", handler);
  }

  /**
   * @param {string} type
   * @param {((this: LastingEventSource, event: MessageEvent<string>) => unknown) | EventListenerObject | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    if (!this.#types.has(type)) {
      this.#types.add(type);
      this.#source?.addEventListener(type, this.#receive);
    }
    super.addEventListener(type, /** @type {EventListener} */ (listener), options);
  }

  /** Ends it. Nothing is dispatched any more. */
  close() {
    if (this.#readyState !== 2) this.#finish({ reason: "closed" });
  }

  /**
   * @param {string} type
   * @param {Handler<any>} handler
   */
  #handle(type, handler) {
    const before = this.#handlers.get(type);
    if (before) this.removeEventListener(type, before);
    this.#handlers.delete(type);
    if (typeof handler !== "function") return;
    this.#handlers.set(type, handler);
    this.addEventListener(type, handler);
  }

  // ---- one stream

  /** The address, with where to go on. */
  #address() {
    const url = new URL(this.url);
    if (this.#lastEventId === "") return url.href;
    // Not by `searchParams`, which would write the page's own parameters anew.
    const isOther = (/** @type {string} */ pair) => pair !== "" && !pair.startsWith(`${PARAMETER}=`);
    const pairs = url.search.slice(1).split("&").filter(isOther);
    url.search = [...pairs, `${PARAMETER}=${encodeURIComponent(this.#lastEventId)}`].join("&");
    return url.href;
  }

  #open() {
    const { withCredentials } = this.#options;
    const source = new EventSource(this.#address(), { withCredentials });
    this.#source = source;
    this.#idOfSource = "";
    source.onopen = (event) => {
      // A stream may have events of type `open` or `error` of its own.
      if (event instanceof MessageEvent) return;
      this.#readyState = 1;
      this.#openSince = performance.now();
      this.dispatchEvent(new Event("open"));
    };
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      if (source.readyState === EventSource.CLOSED || this.#next) return this.#fail();
      // The browser comes back by itself, with the header and when the stream has told it to.
      this.#takeStock();
      this.#readyState = 0;
      this.dispatchEvent(new Event("error"));
    };
    source.addEventListener(POSITION, this.#note);
    this.#types.forEach((type) => source.addEventListener(type, this.#receive));
  }

  /** @type {(event: MessageEvent) => void} */
  #note = ({ lastEventId }) => {
    // A source that has just been made knows of no id; that is not a stream that takes one back.
    if (lastEventId === this.#idOfSource) return;
    this.#idOfSource = lastEventId;
    this.#lastEventId = lastEventId;
  };

  /** @type {(event: Event) => void} */
  #receive = (event) => {
    if (!(event instanceof MessageEvent)) return;
    const { type, data, origin } = event;
    this.#note(event);
    const lastEventId = this.#lastEventId;
    const message = new MessageEvent(type, { data, origin, lastEventId });
    if (!this.#isLast(message)) {
      this.dispatchEvent(message);
      return;
    }
    // First of all: a stream that ends before it is closed is an error to an EventSource.
    this.#finish({ reason: "completed" });
    this.dispatchEvent(message);
    this.dispatchEvent(new Event("close"));
  };

  /** Lets go of what is open or under way. */
  #letGo() {
    this.#source?.close();
    this.#source = null;
    this.#asking?.abort();
    this.#asking = null;
    clearTimeout(this.#timer);
    this.#takeStock();
  }

  /** Starts the count anew where the stream that is no more was healthy. */
  #takeStock() {
    const { healthyAfter } = this.#options;
    if (this.#openSince !== null && performance.now() - this.#openSince >= healthyAfter) {
      this.#attempts = 0;
    }
    this.#openSince = null;
  }

  // ---- another one

  /** Takes note of a failure that the browser takes for final. */
  #fail(retryAfter = 0) {
    this.#letGo();
    const { budget, reconnectionTime, bounds } = this.#options;
    if (this.#attempts >= budget) return this.#conclude({ reason: "budget-spent" });
    const [min, max] = bounds;
    const least = Math.min(Math.max(reconnectionTime, retryAfter, min), max);
    const more = Math.min(least * 2 ** Math.min(this.#attempts, 16), max - least);
    this.#attempts += 1;
    this.#notBefore = performance.now() + least + Math.random() * more;
    this.#readyState = 0;
    this.#schedule();
    this.dispatchEvent(new Event("error"));
  }

  #schedule() {
    const wait = Math.max(Math.ceil(this.#notBefore - performance.now()), 0);
    this.#timer = setTimeout(() => this.#attempt(), Math.min(wait, LONGEST_TIMER));
  }

  #attempt() {
    if (this.#next) this.#visit(this.#next);
    // After a failure only: a HEAD is one request more.
    else if (this.#options.head && this.#attempts > 0) this.#ask();
    else this.#open();
  }

  /**
   * Asks where to, and opens a stream there.
   *
   * @param {Address} next
   */
  async #visit(next) {
    const asking = new AbortController();
    this.#asking = asking;
    try {
      // Not before the page has what the constructor gives, and listens to it.
      const url = resolved(await Promise.resolve().then(next));
      if (asking.signal.aborted) return;
      this.#url = url;
    } catch {
      if (!asking.signal.aborted) this.#fail();
      return;
    }
    this.#asking = null;
    this.#open();
  }

  /**
   * Asks what an EventSource cannot tell, and opens a stream if there is one. What a HEAD says that
   * would be the end is asked again by GET: a server may know the address by GET alone.
   *
   * @returns {Promise<void>}
   */
  async #ask(method = "HEAD") {
    const asking = new AbortController();
    this.#asking = asking;
    /** @type {Response} */
    let answer;
    try {
      answer = await fetch(this.#address(), {
        method,
        headers: { accept: "text/event-stream" },
        cache: "no-store",
        credentials: this.#options.withCredentials ? "include" : "same-origin",
        signal: asking.signal,
      });
    } catch {
      if (!asking.signal.aborted) this.#fail();
      return;
    }
    if (asking.signal.aborted) return;
    this.#asking = null;
    asking.abort(); // the body

    const { status } = answer;
    const isHead = method === "HEAD";
    const isStream = status === 200 && isEventStream(answer.headers);
    if (status === 204) return this.#conclude({ reason: "no-content" });
    if (RETRIED.has(status)) return this.#fail(retryAfter(answer.headers));
    if (isStream || (isHead && NO_HEAD.has(status))) {
      this.#options.head = isHead && isStream;
      return this.#open();
    }
    if (isHead) return this.#ask("GET");
    if (status === 200) return this.#conclude({ reason: "not-an-event-stream" });
    this.#conclude({ reason: "status", status });
  }

  // ---- none

  /** @param {End} end */
  #finish(end) {
    this.#letGo();
    this.#life.abort();
    clearTimeout(this.#hiding);
    this.#readyState = 2;
    this.#end = end;
  }

  /** @param {End} end */
  #conclude(end) {
    this.#finish(end);
    if (end.reason !== "no-content") this.dispatchEvent(new Event("error"));
    this.dispatchEvent(new Event("close"));
  }

  // ---- while nobody looks

  #look() {
    clearTimeout(this.#hiding);
    const { hiddenAfter } = this.#options;
    if (document.visibilityState === "visible") {
      this.#resume();
    } else if (hiddenAfter < Infinity) {
      this.#hiding = setTimeout(() => this.#pause(), Math.min(hiddenAfter, LONGEST_TIMER));
    }
  }

  #pause() {
    if (this.#isPaused) return;
    this.#isPaused = true;
    // The browser may have been told to wait; how long cannot be seen.
    if (this.#source?.readyState === EventSource.CONNECTING) {
      this.#notBefore = performance.now() + this.#options.reconnectionTime;
    }
    this.#letGo();
    this.#readyState = 0;
  }

  #resume() {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#schedule();
  }
}

/**
 * The address as the page has it.
 *
 * @param {string | URL} url
 */
function resolved(url) {
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location.href);
}

/**
 * How long `Retry-After` asks to wait, in milliseconds; 0 where it does not, or cannot be seen.
 *
 * Source: RFC 9110 §10.2.3, "Retry-After".
 *
 * @param {Headers} headers
 */
function retryAfter(headers) {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // Held against the server's own clock, if it can be seen.
  const now = Date.parse(headers.get("date") ?? "") || Date.now();
  return Math.max(Date.parse(value) - now, 0) || 0;
}

/**
 * Whether the last type that is named is that of an event stream.
 *
 * @param {Headers} headers
 */
function isEventStream(headers) {
  const type = headers.get("content-type")?.split(",").pop() ?? "";
  return /^\s*text\/event-stream\s*(;|$)/i.test(type);
}
