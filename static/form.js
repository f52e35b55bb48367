// Forms A and B one topic at a time, and the sending of every form. Each form works without this. It stores
// nothing, and sends nothing but a form when Send is pressed. Pages may be translated in the browser, which
// wraps any text in elements: no step here depends on the text nodes that the site sent.

const main = () => document.querySelector("main");
const theForm = () => /** @type {HTMLFormElement} */ (document.querySelector("main form[method=post]"));
const copy = (id) => {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return /** @type {DocumentFragment} */ (template?.content.cloneNode(true));
};
const all = (selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);
const wasLeft = () => document.documentElement.hasAttribute("data-left"); // leave.js
const live = document.getElementById("live");

/** Let a screen reader say something, without a change of focus. */
function say(words) {
  if (live) live.textContent = words;
}

// ---------- What the form holds ----------

const control = (question) => question.querySelector("input, textarea");
const answers = (name) => new FormData(theForm()).getAll(name).map(String).filter((answer) => answer.trim());
const hold = (conditions = "{}") =>
  Object.entries(JSON.parse(conditions)).every(([name, values]) => {
    const earlier = document.querySelector(`main [name="${name}"]`)?.closest(".question");
    return asked(earlier) && answers(name).some((answer) => values.includes(answer));
  });
const asked = (question) => hold(question?.dataset.when);

/** Show what an answer opens, and nothing else; returns whether that opened a question. */
function unfold() {
  let opened = false;
  for (const question of all("main form [data-when]")) {
    const box = question.parentElement;
    const folded = box.className.startsWith("opens") ? box : question;
    opened ||= folded.hidden && asked(question);
    folded.hidden = !asked(question);
  }
  return opened;
}

/** The outcome that an answer within `part` leads to in place of going on, if any. */
function stop(part) {
  for (const choice of part.querySelectorAll("[data-stop]:checked")) {
    const only = answers(choice.name).length === 1;
    if (only && hold(choice.dataset.stopWhen) && asked(choice.closest(".question"))) return choice.dataset.stop;
  }
}

/** The answer to a question in words. */
function said(question, list) {
  const first = control(question);
  if (first.type !== "radio" && first.type !== "checkbox") return first.value.trim() || list.dataset.none;
  const chosen = [...question.querySelectorAll(`[name="${first.name}"]:checked`)];
  if (chosen.length && question.dataset.kind === "tick") return list.dataset.yes;
  return chosen.map((choice) => choice.labels[0].textContent).join("; ") || list.dataset.none;
}

// ---------- One topic at a time ----------

// Whether the browser has what steps and sending need; else the form stays one page, and the browser posts it.
let able = false;
try {
  history.replaceState(history.state, "");
  able = Boolean(window.fetch && window.AbortController && window.DOMParser && window.URLSearchParams);
} catch {
  // as without script
}

const title = document.title; // of the whole form, whatever went wrong with it since
/** @type {HTMLElement[]} */
let screens = []; // the opening, each step, the check
let byStep = false; // false: all of them are open at once
let at = 0; // which one is shown or, of open ones, gone back to; -1: an outcome
let changing = false; // one answer, on the way back to the check

/** Set up the form in the page. If it came back with errors, or somebody was quicker than this script, every
 * part of it is open. */
function begin() {
  byStep = able && Boolean(theForm()?.hasAttribute("data-by-step"));
  byStep &&= !document.querySelector("#problem, #notice, main form :focus, main form :checked");
  screens = all("[data-screen]").filter((screen) => byStep || !screen.hidden);
  at = 0;
  unfold();
  if (able && screens.length) history.replaceState(0, "");
  if (!byStep) return;
  for (const part of all("main .progress, main .turn, main [data-back]")) part.hidden = false;
  for (const number of document.querySelectorAll(".nr")) number.remove();
  for (const heading of document.querySelectorAll(".step > h2")) {
    const first = document.createElement("h1");
    first.append(...heading.childNodes);
    const progress = heading.closest(".step").querySelector(".progress");
    if (progress) first.setAttribute("aria-describedby", progress.id);
    heading.replaceWith(first);
  }
  screens[screens.length - 1].append(document.querySelector(".send"));
  theForm().classList.add("by-step");
  history.scrollRestoration = "manual"; // a screen begins at its top, also on the way back
  show(0, false);
}

/** Show a screen or an outcome. Where all screens are open they stay as they are: reading goes on there. */
function show(number, moved = true) {
  const outcome = number < 0 && stop(theForm());
  const turned = byStep || outcome || at < 0;
  if (turned) clear();
  document.querySelector("section.outcome")?.remove();
  at = outcome ? -1 : Math.max(number, 0);
  screens.forEach((screen, index) => {
    screen.hidden = at < 0 || (byStep && index !== at);
  });
  for (const send of all(".send")) send.hidden = at < 0;
  if (outcome) theForm().after(copy(`outcome-${outcome}`));
  else if (byStep && at === screens.length - 1) list(screens[at]);
  if (!moved) return;
  const part = screens[at] ?? document.querySelector("section.outcome") ?? main();
  const heading = /** @type {HTMLElement} */ (part.querySelector("h1, h2"));
  if (turned) document.title = byStep && at > 0 ? `${heading.textContent} – ${title}` : title;
  scrollTo(0, 0);
  heading.tabIndex = -1;
  heading.focus();
}

/** Go to a screen, with an entry of its own for the browser's Back. It holds a number and no answer. */
function turn(number) {
  history.pushState(number, "");
  show(number);
}

addEventListener("popstate", ({ state }) => {
  if (state === null || !screens.length || wasLeft()) return; // null: a place in the page; browsers go there
  changing = false;
  show(state);
});

/** Every question that was asked, with its answer and a way to change it. */
function list(screen) {
  const rows = screen.querySelector("[data-answers]");
  rows.textContent = "";
  screens.forEach((from, index) => {
    for (const question of from.querySelectorAll(".question")) {
      if (!asked(question)) continue;
      const row = screen.querySelector("template").content.cloneNode(true);
      const words = question.querySelector(".asks").textContent.trim();
      row.querySelector("dt").textContent = words;
      row.querySelector("dd").textContent = said(question, rows);
      row.querySelector(".hidden").textContent = ` ${words}`;
      row.querySelector("button").addEventListener("click", () => {
        turn(index);
        changing = true;
        control(question).focus();
      });
      rows.append(row);
    }
  });
}

/** Take away what was said to be wrong. */
function clear() {
  for (const part of document.querySelectorAll("#problem, #notice, .wrong")) part.remove();
  for (const bad of document.querySelectorAll(".bad")) bad.classList.remove("bad");
  for (const bad of document.querySelectorAll("[aria-invalid]")) bad.removeAttribute("aria-invalid");
  for (const tied of document.querySelectorAll("[aria-describedby$=-error]")) {
    const hint = tied.getAttribute("aria-describedby").replace(/ ?\S+-error$/, "");
    if (hint) tied.setAttribute("aria-describedby", hint);
    else tied.removeAttribute("aria-describedby");
  }
}

/** Say what is missing, as the server says it: in a summary and above each question. */
function complain(missing) {
  clear();
  const problem = copy("wrong").querySelector("#problem");
  const lines = problem.querySelector("ul");
  const line = lines.firstElementChild;
  line.remove();
  for (const question of missing) {
    const first = control(question);
    const set = question.querySelector(":scope > fieldset");
    const target = set ?? first;
    const id = `${first.name}-error`;
    const wrong = copy("wrong").querySelector(".wrong");
    wrong.id = id;
    wrong.append(question.dataset.missing);
    (set ?? question).querySelector(":scope > .choice, :scope > input, :scope > textarea").before(wrong);
    question.classList.add("bad");
    const ticks = set && set.getAttribute("role") === null; // a group has no aria-invalid
    if (!ticks) target.setAttribute("aria-invalid", "true");
    target.setAttribute("aria-describedby", `${target.getAttribute("aria-describedby") ?? ""} ${id}`.trim());
    const entry = /** @type {Element} */ (line.cloneNode(true));
    const link = entry.querySelector("a");
    link.href = `#${first.id}`;
    link.textContent = question.dataset.missing;
    lines.append(entry);
  }
  const heading = screens[at].querySelector("h1").textContent;
  document.title = `${copy("wrong").querySelector(".wrong").textContent.trim()} ${heading} – ${title}`;
  point(problem);
}

/** Put words at the top of the page, and let reading go on there. */
function point(words) {
  main().prepend(words);
  readOn(words);
}

/** Let reading go on at a part that has just come. Screen readers miss a focus that moves while the part they
 * read is still being taken away. */
function readOn(part) {
  scrollTo(0, 0);
  const before = document.activeElement;
  setTimeout(() => {
    const typing = document.activeElement !== before; // somebody was quicker
    if (part.isConnected && !typing && !wasLeft()) part.focus();
  }, 150);
}

begin(); // before a Send is listened for: where this fails, the browser posts the form by itself

// ---------- Send ----------

const PATIENCE = 30000;
let sending = false;
let sent = false;

// A form that was sent is not shown again when a browser brings it back from memory.
addEventListener("pageshow", () => {
  if (sent && !wasLeft()) location.reload();
});

addEventListener("submit", (event) => {
  const form = event.target;
  if (!able || form !== theForm()) return;
  event.preventDefault();
  const last = !byStep || at === screens.length - 1;
  if (stop(last ? form : screens[at])) return turn(-1);
  if (last) return send(form);
  const missing = [...screens[at].querySelectorAll("[data-missing]")].filter(
    (question) => asked(question) && !answers(control(question).name).length,
  );
  if (missing.length) return complain(missing);
  const next = changing ? screens.length - 1 : at + 1;
  changing = false;
  turn(next);
});

/** Send with `fetch`: an answer to a post of its own would be kept whole in the browser's session files. */
async function send(form) {
  if (sending) return;
  sending = true;
  busy(form, true);
  const saying = setTimeout(say, 1000, "Sending");
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(), PATIENCE);
  let failure = "503";
  let page;
  try {
    const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
    const answer = await fetch(location.href, { method: "POST", body, signal: cut.signal });
    if (answer.status === 413) failure = "413";
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
    sent = Boolean(page.querySelector("[data-sent]")) && !wasLeft();
    if (sent) {
      document.dispatchEvent(new Event("forget"));
      return location.replace(answer.url);
    }
  } catch {
    page = undefined; // no answer, or none in time
  }
  clearTimeout(timer);
  clearTimeout(saying);
  say("");
  sending = false;
  busy(form, false);
  if (wasLeft()) return;
  if (page?.querySelector("main form[method=post]")) return replace(page);
  clear();
  const notice = (copy(`failed-${failure}`) ?? copy("failed-503"))?.querySelector("#notice");
  if (!notice) return say("Not sent. Your answers are still on this page.");
  document.title = `${notice.querySelector("h2").textContent}: ${title}`;
  point(notice);
}

/** Show on the button that sends whether it does so now. */
function busy(form, now) {
  for (const words of form.querySelectorAll(".send [data-busy]")) {
    words.hidden = words.dataset.busy !== String(now);
  }
}

/** Show the page that came back, every part of the form open, as it would be without script. */
function replace(page) {
  const controls = ".question :is(input, textarea)"; // their answers may have changed since Send
  const typed = /** @type {NodeListOf<HTMLInputElement>} */ (main().querySelectorAll(controls));
  for (const { name, type, value, checked } of typed) {
    for (const same of page.getElementsByName(name)) {
      if (same.type !== type) continue;
      if (type !== "radio" && type !== "checkbox") same.value = value;
      else if (same.value === value) same.checked = checked; // by value: the choices may be others now
    }
  }
  main().replaceWith(page.querySelector("main"));
  document.title = page.title;
  begin();
  readOn(document.querySelector("#problem, #notice") ?? main());
}

// ---------- Clicks ----------

addEventListener("click", (event) => {
  const on = (what) => /** @type {Element} */ (event.target).closest?.(what);
  const place = screens.length && on("a[href^='#']");
  if (on("[data-back]")) {
    if (event.detail < 2) history.back(); // a double click would go one step too far
  } else if (on("[data-print]")) print();
  else if (place) {
    const target = document.getElementById(place.hash.slice(1)); // the address of a form stays as it is
    target.focus();
    if (target === main()) target.scrollIntoView(); // focus alone leaves it where some of it is in view
  } else return;
  event.preventDefault();
});

addEventListener("change", () => {
  say(unfold() ? "A question has opened below" : "");
});

addEventListener("input", () => {
  const fill = document.getElementById("fill"); // the link in it opens the form anew, without the answers
  if (fill) fill.style.visibility = "hidden"; // nothing moves while somebody types
});
