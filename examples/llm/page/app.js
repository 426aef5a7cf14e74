// One question and its answer. Text from the model reaches the page through `textContent` and text
// nodes alone.

import { messages } from "/event-stream.js";

const LABELS = {
  idle: "Ready",
  thinking: "Thinking",
  answering: "Answering",
  complete: "Complete",
  stopped: "Stopped",
  cut: "Cut off",
  refused: "No answer",
};
// The model hears of a stop a moment after the page has made it.
const LOOKS_AT_THE_COUNT = 20;
const BETWEEN_LOOKS = 100;

const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);

let asking = null; // aborts the request that is under way
let counting = null; // aborts the look at the model's count

// ---- one question

async function ask() {
  const prompt = page.prompt.value.trim();
  if (prompt === "") {
    page.prompt.setAttribute("aria-invalid", "true");
    trouble("There is nothing to ask yet.");
    page.prompt.focus();
    return;
  }
  const answer = begin();
  let ending; // a state, and what is said of it
  try {
    ending = await receive(answer, prompt);
  } catch (error) {
    ending = answer.controller.signal.aborted ? stopped(answer) : failed(answer, error);
  }
  if (asking === answer.controller) end(answer, ...ending);
}

function begin() {
  asking?.abort();
  counting?.abort();
  trouble("");
  page.prompt.removeAttribute("aria-invalid");
  page.answer.replaceChildren();
  // What is busy is read out when it is done, in one piece.
  page.answer.setAttribute("aria-busy", "true");
  for (const fact of ["received", "first", "lasted"]) page[fact].textContent = "–";
  showCount(null);
  const answer = {
    controller: new AbortController(),
    began: performance.now(),
    isStream: false, // whether there is an answer that could be cut off
    tokens: 0,
    id: null,
  };
  asking = answer.controller;
  show("thinking", "The question is with the model.");
  return answer;
}

async function receive(answer, prompt) {
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      model: page.model.value,
      stream: true,
      messages: [{ role: "user", content: prompt }],
    }),
    cache: "no-store",
    signal: answer.controller.signal,
  });
  const type = response.headers.get("Content-Type") ?? "";
  if (!response.ok) return ["refused", await refusal(response)];
  if (!type.startsWith("text/event-stream")) {
    answer.controller.abort();
    return ["refused", "The server answered with something that is not a stream."];
  }
  answer.isStream = true;
  for await (const { data } of messages(response.body)) {
    if (data === "[DONE]") return ["complete", ""];
    const chunk = JSON.parse(data);
    if (chunk.error) return ["cut", `The model broke off: ${chunk.error.message}.`];
    take(answer, chunk);
  }
  return ["cut", "The stream ended without saying that the answer is complete."];
}

function take(answer, chunk) {
  answer.id ??= chunk.id ?? null;
  const token = chunk.choices?.[0]?.delta?.content;
  if (typeof token !== "string" || token === "") return;
  if (answer.tokens === 0) {
    page.first.textContent = seconds(answer.began);
    show("answering", "Tokens appear as they are made.");
  }
  answer.tokens += 1;
  page.received.textContent = answer.tokens;
  page.answer.append(token);
}

const stopped = ({ tokens }) => ["stopped", `You stopped it after ${count(tokens)}.`];

function failed({ isStream, tokens }, error) {
  if (error instanceof SyntaxError || error instanceof RangeError) {
    return ["cut", "The model sent something that this page cannot read."];
  }
  return isStream
    ? ["cut", `The connection was lost after ${count(tokens)}. What is missing was not sent.`]
    : ["refused", "The server cannot be reached."];
}

/** What a status other than 200 means, in words. */
async function refusal(response) {
  const { error } = await response.json().catch(() => ({}));
  const why = error?.message ? `: ${error.message}` : "";
  const wait = Number(response.headers.get("Retry-After"));
  switch (response.status) {
    case 429:
      return `The model is busy.${wait > 0 ? ` Ask again in ${wait} s.` : ""}`;
    case 502:
      return `The model cannot be asked${why} (502).`;
    case 503:
      return `The service is about to restart (503). Ask again in a moment.`;
    case 504:
      return `The model did not answer in time (504).`;
    default:
      return `The request was refused${why} (${response.status}).`;
  }
}

function end(answer, state, text) {
  asking = null;
  page.answer.setAttribute("aria-busy", "false");
  page.lasted.textContent = seconds(answer.began);
  if (state === "complete") {
    show(state, `All of it: ${count(answer.tokens)}.`);
  } else if (state === "stopped") {
    show(state, text);
  } else {
    show(state, state === "cut" ? "This answer is not complete." : "The question was not answered.");
    trouble(text);
  }
  if (answer.id !== null) lookAtCount(answer.id);
}

function stop() {
  asking?.abort();
}

// ---- what the model counted

/** Shows what the model says of an answer, once it has heard of its end. */
async function lookAtCount(id) {
  counting = new AbortController();
  const { signal } = counting;
  try {
    for (let look = 0; look < LOOKS_AT_THE_COUNT; look += 1) {
      const response = await fetch("/api/status", { signal, cache: "no-store" });
      if (!response.ok) return;
      const { answers } = await response.json();
      const found = answers.find((answer) => answer.id === id);
      if (found && found.state !== "running") return showCount(found);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS));
      if (signal.aborted) return;
    }
  } catch {
    // The count is an extra: without it the page says nothing of it.
  }
}

function showCount(found) {
  page.count.hidden = found === null;
  if (found === null) return;
  const { made, of } = found;
  page.made.textContent = made;
  page.unmade.textContent = of - made;
  page.of.textContent = of;
  page.share.value = of === 0 ? 1 : made / of;
}

// ---- what is seen

function show(state, sentence) {
  document.body.dataset.state = state;
  page.badge.textContent = LABELS[state];
  page.status.textContent = sentence;
  // Not `disabled`: that would take the keyboard's focus away from the button just pressed.
  const isAsking = state === "thinking" || state === "answering";
  page.ask.setAttribute("aria-disabled", isAsking);
  page.stop.setAttribute("aria-disabled", !isAsking);
}

/** Says what went wrong; empty: nothing. */
function trouble(text) {
  page.trouble.hidden = text === "";
  page.alert.textContent = text;
}

const count = (tokens) => `${tokens} ${tokens === 1 ? "token" : "tokens"}`;
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(2)} s`;

// ---- wiring

page.form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (asking === null) ask();
});
page.prompt.addEventListener("keydown", (event) => {
  // Not while an input method composes: there, Enter takes a suggestion.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  page.form.requestSubmit();
});
page.stop.addEventListener("click", stop);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
// A page that is kept for "back" must not hold a stream.
window.addEventListener("pagehide", stop);
show("idle", "No question is open.");
