// Shows forms A and B one topic at a time, and sends every form. Each form also works without this script. The
// script stores nothing, and sends only the form, when Send is pressed. A browser that translates a page wraps its
// text in elements, so nothing here depends on the text nodes that the site sent.

const main = () => document.querySelector("main");
const theForm = () => /** @type {HTMLFormElement} */ (document.querySelector("main form[method=post]"));
const copy = (id) => {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return /** @type {DocumentFragment} */ (template?.content.cloneNode(true));
};
const all = (selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);
const wasLeft = () => document.documentElement.hasAttribute("data-left"); // set by leave.js
const live = document.getElementById("live");

/** Make a screen reader say something, without moving the focus. */
function say(words) {
  if (live) live.textContent = words;
}

// ---------- The answers in the form ----------

const control = (question) => question.querySelector("input, textarea");
const answers = (name) => new FormData(theForm()).getAll(name).map(String).filter((answer) => answer.trim());
const hold = (conditions = "{}") =>
  Object.entries(JSON.parse(conditions)).every(([name, values]) => {
    const earlier = document.querySelector(`main [name="${name}"]`)?.closest(".question");
    return asked(earlier) && answers(name).some((answer) => values.includes(answer));
  });
const asked = (question) => hold(question?.dataset.when);

/** Show the questions that the answers open, hide the others, and return whether this has opened a question. */
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

/** Return the outcome to which an answer in `part` leads, if any. */
function stop(part) {
  for (const choice of part.querySelectorAll("[data-stop]:checked")) {
    const only = answers(choice.name).length === 1;
    if (only && hold(choice.dataset.stopWhen) && asked(choice.closest(".question"))) return choice.dataset.stop;
  }
}

/** Return the answer to a question, in words. */
function said(question, list) {
  const first = control(question);
  if (first.type !== "radio" && first.type !== "checkbox") return first.value.trim() || list.dataset.none;
  const chosen = [...question.querySelectorAll(`[name="${first.name}"]:checked`)];
  if (chosen.length && question.dataset.kind === "tick") return list.dataset.yes;
  return chosen.map((choice) => choice.labels[0].textContent).join("; ") || list.dataset.none;
}

// ---------- One topic at a time ----------

// Whether the browser has what the steps and sending need. If not, the form stays one page, and the browser sends it.
let able = false;
try {
  history.replaceState(history.state, "");
  able = Boolean(window.fetch && window.AbortController && window.DOMParser && window.URLSearchParams);
} catch {
  // the form works as it does without JavaScript
}

const title = document.title; // as it was when the page was loaded, without errors that were found later
/** @type {HTMLElement[]} */
let screens = []; // the opening, each step, and “Check your answers”
let byStep = false; // whether one screen is shown at a time, and not all of them
let at = 0; // the screen that is shown or, if all are shown, the one that Back has led to; -1 for an outcome
let changing = false; // whether somebody is changing one answer and then returns to “Check your answers”

/** Set up the form in the page. If it was returned with errors, or somebody has used it before this script ran,
 * every part of it is shown. */
function begin() {
  byStep = able && Boolean(theForm()?.hasAttribute("data-by-step"));
  byStep &&= !document.querySelector("#problem, #notice, main form :focus, main form :checked");
  screens = all("[data-screen]").filter((screen) => byStep || !screen.hidden);
  at = 0;
  unfold();
  if (able && screens.length) history.replaceState(0, "");
  if (!byStep) return;
  for (const part of all("main .progress, main .turn, main [data-back]")) part.hidden = false;
  document.querySelector(".turn [disabled]")?.removeAttribute("disabled"); // Start
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
  history.scrollRestoration = "manual"; // show each screen from its top, even after Back
  show(0, false);
}

/** Show a screen or an outcome and, if `moved`, move the focus to its heading. Where all screens are open at once,
 * only an outcome hides them. */
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

/** Go to a screen, and add an entry to the browser's history. The entry contains a number and no answer. */
function turn(number) {
  history.pushState(number, "");
  show(number);
}

addEventListener("popstate", ({ state }) => {
  if (state === null || !screens.length || wasLeft()) return; // null: the browser itself goes to a place in the page
  changing = false;
  show(state);
});

/** List every question that was asked, with its answer and a button to change it. */
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

/** Remove all errors and notices. */
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

/** Show which answers are missing, as the server would: in a summary and above each answer. */
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
    const ticks = set && set.getAttribute("role") === null; // a group of checkboxes cannot have aria-invalid
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

/** Put a notice at the top of the page, and move the focus to it. */
function point(words) {
  main().prepend(words);
  readOn(words);
}

/** Move the focus to a new part, so that a screen reader continues there. The focus moves a moment later, because
 * screen readers miss it while the part that they were reading is being removed. */
function readOn(part) {
  scrollTo(0, 0);
  const before = document.activeElement;
  setTimeout(() => {
    const typing = document.activeElement !== before; // the person has moved the focus in the meantime
    if (part.isConnected && !typing && !wasLeft()) part.focus();
  }, 150);
}

begin(); // before the listener for Send is added: if this fails, the browser sends the form itself

// ---------- Send ----------

const PATIENCE = 30000;
let sending = false;
let sent = false;

// If a browser restores a form from memory after it was sent, load an empty form.
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

/** Send with `fetch`, because the browser would write its own POST request, with every answer, to its session files. */
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
    page = undefined; // there was no response, or none in time
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

/** Show on the Send button whether the form is being sent. */
function busy(form, now) {
  for (const words of form.querySelectorAll(".send [data-busy]")) {
    words.hidden = words.dataset.busy !== String(now);
  }
}

/** Show the page that the server returned, with every part of the form, as it would be without JavaScript. */
function replace(page) {
  const controls = ".question :is(input, textarea)"; // somebody may have changed answers since Send
  const typed = /** @type {NodeListOf<HTMLInputElement>} */ (main().querySelectorAll(controls));
  for (const { name, type, value, checked } of typed) {
    for (const same of page.getElementsByName(name)) {
      if (same.type !== type) continue;
      if (type !== "radio" && type !== "checkbox") same.value = value;
      else if (same.value === value) same.checked = checked; // by value, because the choices may be different now
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
    if (event.detail < 2) history.back(); // a double click would go back two steps
  } else if (on("[data-print]")) print();
  else if (place) {
    const target = document.getElementById(place.hash.slice(1)); // so that the address of a form does not change
    target.focus();
    if (target === main()) target.scrollIntoView(); // `focus` does not scroll if a part of it is visible already
  } else return;
  event.preventDefault();
});

addEventListener("change", () => {
  say(unfold() ? "A question has opened below" : "");
});

addEventListener("input", () => {
  const fill = document.getElementById("fill"); // contains a link that would open an empty form
  if (fill) fill.style.visibility = "hidden"; // still takes up space, so that nothing moves while somebody types
});
