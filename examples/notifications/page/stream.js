// One stream that comes back until it is closed. An `EventSource` comes back by itself to the same URL; ours has a
// ticket in it that was spent by the first visit. So each attempt is a new `EventSource` with a new ticket, from the
// last event on: nothing is lost and nothing comes twice.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/**
 * @param types the event types to hear, beside those of the stream itself
 * @param ticket gives a ticket, or throws
 * @param onState is told: ("connecting"), ("open", connection), ("waiting", seconds, error) or ("over", error)
 * @param onEvent is told: (type, data, id)
 * @param isFinal whether an error of `ticket` means that there is no use in trying again
 */
export function stream({ types, ticket, onState, onEvent, isFinal }) {
  let source = null; // the open EventSource
  let attempt = null; // stands for the attempt under way; a newer one, or the end, takes its place
  let timer = null; // of the next attempt
  let lastEventId = "";
  let failures = 0;

  async function open() {
    hangUp();
    const mine = (attempt = {});
    onState("connecting");
    let url;
    try {
      url = `/api/stream?${new URLSearchParams({ ticket: await ticket(), lastEventId })}`;
    } catch (error) {
      if (attempt !== mine) return;
      if (isFinal(error)) {
        attempt = null;
        onState("over", error);
      } else {
        wait(error);
      }
      return;
    }
    if (attempt === mine) listen(url);
  }

  function listen(url) {
    const opened = (source = new EventSource(url));
    const hear = (event) => {
      // An event that was on its way when the stream was closed is not heard; it comes again.
      if (opened !== source) return;
      if (event.lastEventId !== "") lastEventId = event.lastEventId;
      if (event.type !== "position") onEvent(event.type, parse(event.data), event.lastEventId);
      // The first one has the connection's name, the later ones say that the position has moved on.
      else if (event.data !== "") {
        failures = 0;
        onState("open", event.data);
      }
    };
    for (const type of ["position", "gap", "reset", "replaced", ...types]) {
      opened.addEventListener(type, hear);
    }
    opened.onerror = () => {
      if (opened === source) wait(null);
    };
  }

  /** Waits longer after each failure, and by chance, so that those who were cut off together do not return together. */
  function wait(error) {
    hangUp();
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
    failures += 1;
    countDown(Math.ceil((longest * (1 + Math.random())) / 2), error);
  }

  function countDown(left, error) {
    if (left <= 0) {
      open();
      return;
    }
    onState("waiting", Math.ceil(left / 1000), error);
    timer = setTimeout(countDown, Math.min(left, 1000), left - 1000, error);
  }

  function hangUp() {
    attempt = null;
    source?.close();
    source = null;
    clearTimeout(timer);
    timer = null;
  }

  return {
    /** Opens it, at once where it waits or is open. */
    open,
    /** Closes it; `open` goes on where it was. */
    close: hangUp,
    /** Closes it; `open` begins anew. */
    forget() {
      hangUp();
      lastEventId = "";
      failures = 0;
    },
    isWaiting: () => timer !== null,
  };
}

/** The data as JSON; none where there is none. */
function parse(data) {
  return data === "" ? null : JSON.parse(data);
}
