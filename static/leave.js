// “Exit this page”, on every page. This script loads first and imports nothing, and an error in one step does not
// stop the next. So no error in another script, in the page or in an old browser can stop it. It sends nothing,
// and stores only a cookie that lasts one second.

const link = document.querySelector("a[data-exit]");
const elsewhere = (link && link.getAttribute("data-exit")) || "/exit";
let left = false;

/** Take every step, even if another fails. */
function each(...steps) {
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      // the next step still has to run
    }
  }
}

/** Empty every control and every list of answers, so that nobody can read an answer. */
function forget() {
  const controls = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input, textarea, select"));
  for (const control of controls) {
    each(
      () => (control.checked = false),
      () => (control.defaultChecked = false),
      () => (control.value = ""),
      () => (control.defaultValue = ""),
    );
  }
  for (const list of document.querySelectorAll("[data-answers]")) list.textContent = "";
}

/** Leave the page: hide it, remove every answer, and replace the page in the history of the tab. */
function leave() {
  left = true;
  each(
    () => location.replace(elsewhere),
    () => document.documentElement.setAttribute("hidden", ""),
    () => (document.title = "Loading"),
    () => {
      const icon = /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=icon]"));
      icon.href = icon.getAttribute("data-blank");
    },
    forget,
    // a changed cookie makes browsers remove from memory any form that was left earlier through a link
    () => (document.cookie = "clear=1; Max-Age=1; Secure; SameSite=Strict; Path=/"),
    () => document.documentElement.setAttribute("data-left", ""), // from now on, form.js shows nothing
  );
}

function follow(event) {
  let at = event.target;
  while (at && !(at.hasAttribute && at.hasAttribute("data-exit"))) at = at.parentNode;
  if (!at) return;
  event.preventDefault();
  leave();
}
addEventListener("click", follow);
addEventListener("auxclick", (event) => {
  if (event.button === 1) follow(event); // do not open a second tab
});

// If a browser restores the page from memory, or Back is pressed while the other site is slow, the page stays
// blank and leaves again.
for (const kind of ["pageshow", "popstate"]) {
  addEventListener(kind, () => {
    if (left) leave();
  });
}

document.addEventListener("forget", forget); // form.js dispatches this event after a form has been sent

// ---------- Shift three times ----------

// Screen readers use Shift with a letter to go back, and the page does not receive the letter: it sees only that
// Shift was pressed and released. So the presses have to follow each other quickly. A press does not count if the
// page scrolled by itself shortly before it, or if the page scrolls by itself or the focus or the selection moves
// during it or, because some screen readers are slow, after it.
const NEEDED = 3;
const WITHIN = 2000; // milliseconds, from the first press to the last
const SETTLED = 1000; // milliseconds after the page last scrolled or the person last did something by hand
const JUST_TYPED = 100; // milliseconds, because typing also moves the selection, a moment later
const status = document.getElementById("leaving");

let presses = []; // the times at which Shift was pressed and released alone
let alone = false;
let touched = -Infinity; // when the person last did something else by hand
let typed = -Infinity; // when a field last changed
let moved = -Infinity; // when the page last scrolled although the person had done nothing by hand
let timer = 0;

/** Show, and let a screen reader say, how many presses have been counted and what to do. */
function say(words, dots) {
  if (!status) return;
  status.textContent = "";
  for (let dot = 1; dots && dot <= NEEDED; dot++) {
    const mark = document.createElement("i");
    if (dot <= dots) mark.className = "on";
    status.appendChild(mark);
  }
  if (words) status.appendChild(document.createTextNode(words));
}

function restart(words) {
  clearTimeout(timer);
  presses = [];
  each(() => say(words || "", 0));
}

function press() {
  const now = Date.now();
  clearTimeout(timer);
  presses = presses.filter((before) => now - before <= WITHIN).concat(now);
  if (presses.length >= NEEDED) return leave();
  const more = NEEDED - presses.length;
  timer = setTimeout(() => {
    restart("You are still on this page");
    timer = setTimeout(restart, WITHIN);
  }, presses[0] + WITHIN - now);
  each(() => say(`Press Shift ${more} more ${more === 1 ? "time" : "times"} to leave`, presses.length));
}

/** Forget all presses so far. */
function takeBack() {
  alone = false;
  if (presses.length) restart();
}

function touch(event) {
  if (event.shiftKey) alone = false; // Shift with the wheel scrolls sideways
  touched = Date.now();
  moved = -Infinity;
}

addEventListener("keydown", (event) => {
  // Alt + Shift chooses the next keyboard layout.
  const held = event.repeat || event.altKey || event.ctrlKey || event.metaKey;
  alone = event.key === "Shift" && !held;
  if (event.key === "Shift") return;
  touch(event);
  if (presses.length || timer) restart();
});
addEventListener("keyup", (event) => {
  if (event.key === "Shift" && alone && Date.now() - moved > SETTLED) press();
  alone = false;
});
for (const kind of ["selectionchange", "focusin", "pointerdown"]) {
  document.addEventListener(kind, () => {
    if (kind === "selectionchange" && Date.now() - typed < JUST_TYPED) return;
    takeBack();
  });
}
document.addEventListener("input", () => (typed = Date.now()));
for (const kind of ["wheel", "touchstart", "touchmove", "pointerdown"]) {
  document.addEventListener(kind, touch, { passive: true });
}
document.addEventListener(
  "scroll",
  () => {
    const now = Date.now();
    if (now - touched <= SETTLED) return;
    moved = now;
    takeBack();
  },
  { capture: true, passive: true },
);
