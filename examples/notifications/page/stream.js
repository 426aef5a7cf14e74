// One stream that lasts until it is closed. Each attempt has a ticket of its own, since the one before was spent; it
// goes on after the last event, so that nothing is lost and nothing comes twice.

import { LastingEventSource } from "/sse.js";

/** What a stream tells of itself; the last one is its end. */
const OWN_TYPES = ["gap", "reset", "replaced"];

/**
 * @param types the event types to hear, beside those of the stream itself
 * @param last those of them after which there is no coming back
 * @param ticket gives a ticket, or throws
 * @param onState is told: ("connecting"), ("open", connection), ("waiting", error) or ("over", error)
 * @param onEvent is told: (type, data, id)
 * @param isFinal whether an error of `ticket` means that there is no use in trying again
 */
export function stream({ types, last, ticket, onState, onEvent, isFinal }) {
  let source = null;

  /** Opens it, at once where it waits or is open; it goes on where it was. */
  function open() {
    close();
    let failure = null; // why there was no ticket; a stream that fails does not say why
    const opened = new LastingEventSource(
      async () => {
        failure = null;
        try {
          return `/api/stream?${new URLSearchParams({ ticket: await ticket() })}`;
        } catch (error) {
          failure = error;
          if (isFinal(error) && opened.readyState !== opened.CLOSED) {
            opened.close();
            onState("over", error);
          }
          throw error;
        }
      },
      {
        completeOn: ["replaced", ...last],
        lastEventId: source?.lastEventId,
        reconnectionTime: 500,
        bounds: [500, 15_000],
        hiddenAfter: Infinity, // the title counts what is unread also while nobody looks
      },
    );
    source = opened;
    onState("connecting");
    // The first one has the connection's name, the later ones say that the position has moved on.
    opened.addEventListener("position", ({ data }) => {
      if (data !== "") onState("open", data);
    });
    for (const type of [...OWN_TYPES, ...types]) {
      opened.addEventListener(type, ({ data, lastEventId }) => onEvent(type, parse(data), lastEventId));
    }
    opened.onerror = () => onState("waiting", failure);
  }

  /** Closes it; `open` goes on where it was. */
  function close() {
    source?.close();
  }

  /** Closes it; `open` begins anew. */
  function forget() {
    close();
    source = null;
  }

  return { open, close, forget };
}

/** The data as JSON; none where there is none. */
function parse(data) {
  return data === "" ? null : JSON.parse(data);
}
