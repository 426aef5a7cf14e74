// Reads an event stream that `fetch` has brought: what an EventSource does inside, for the requests
// that it cannot make. Source: WHATWG HTML §9.2.5 and §9.2.6. It does not reconnect, so `retry` says
// nothing to it.

/** How many characters an event may have. */
export const LARGEST_EVENT = 1 << 20;

/** Takes a stream in pieces, cut anywhere, and gives its messages. */
export class EventStreamParser {
  // It drops one byte order mark at the start, and puts U+FFFD in the place of what is no UTF-8.
  #utf8 = new TextDecoder();
  #line = ""; // the beginning of a line whose end has not come
  #afterCr = false; // a line feed that comes next belongs to the line end that was read
  #type = "";
  #data = null;
  #id = "";
  #lastEventId = "";

  /** What the next request would have to send as `Last-Event-ID`. */
  get lastEventId() {
    return this.#lastEventId;
  }

  /**
   * The messages that end in this piece.
   * @param {Uint8Array} bytes
   * @returns {{type: string, data: string, lastEventId: string}[]}
   */
  feed(bytes) {
    let text = this.#utf8.decode(bytes, { stream: true });
    if (text === "") return [];
    if (this.#afterCr && text[0] === "\n") text = text.slice(1);
    this.#afterCr = text === "" ? false : text.endsWith("\r");

    const messages = [];
    let from = 0;
    for (const { index, 0: end } of text.matchAll(/\r\n|\r|\n/g)) {
      this.#take(this.#line + text.slice(from, index), messages);
      this.#line = "";
      from = index + end.length;
    }
    this.#line += text.slice(from);
    if (this.#line.length + (this.#data?.length ?? 0) > LARGEST_EVENT) {
      throw new RangeError(`an event has more than ${LARGEST_EVENT} characters`);
    }
    return messages;
  }

  #take(line, messages) {
    if (line === "") {
      this.#dispatch(messages);
      return;
    }
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    let value = colon === -1 ? "" : line.slice(colon + 1);
    if (value[0] === " ") value = value.slice(1);
    if (name === "data") {
      this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    } else if (name === "event") {
      this.#type = value;
    } else if (name === "id" && !value.includes("\0")) {
      this.#id = value;
    }
  }

  #dispatch(messages) {
    this.#lastEventId = this.#id;
    if (this.#data !== null) {
      const type = this.#type === "" ? "message" : this.#type;
      messages.push({ type, data: this.#data, lastEventId: this.#lastEventId });
    }
    this.#type = "";
    this.#data = null;
  }
}

/**
 * The messages of a response's body, as they come. Leaving the loop hangs up.
 * @param {ReadableStream<Uint8Array>} body
 */
export async function* messages(body) {
  const reader = body.getReader();
  const parser = new EventStreamParser();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield* parser.feed(value);
    }
  } finally {
    // Of a body that has failed there is nothing to hang up.
    reader.cancel().catch(() => {});
  }
}
