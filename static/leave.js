// The way out of every page. It loads first and imports nothing, and each of its steps is guarded: no error
// of another script, of the page or of an old browser can stop it. It sends nothing, and stores nothing but a
// cookie that lasts one second.

const link = document.querySelector("a[data-exit]");
const elsewhere = (link && link.getAttribute("data-exit")) || "/exit";
let left = false;

/** Take every step, whatever becomes of the others. */
function each(...steps) {
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      // the next step matters more
    }
  }
}

/** Empty every control and every list of answers: nothing is left to read back. */
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

/** Leave: nothing to see, nothing to read back, and this page replaced in the tab's history. */
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
    // a changed cookie makes browsers drop any form that was left earlier by a link, and is still in memory
    () => (document.cookie = "clear=1; Max-Age=1; Secure; SameSite=Strict; Path=/"),
    () => document.documentElement.setAttribute("data-left", ""), // form.js shows nothing after this
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
  if (event.button === 1) follow(event); // no second tab beside this one
});

// A page that was left stays blank when a browser brings it back from memory, or when Back is pressed while
// the other site is slow, and leaves again.
for (const kind of ["pageshow", "popstate"]) {
  addEventListener(kind, () => {
    if (left) leave();
  });
}

document.addEventListener("forget", forget); // form.js asks for this when a form was sent

// ---------- Shift three times ----------

// Screen readers use Shift with a letter to go back, and keep the letter to themselves: the page sees Shift
// pressed and released alone. So the presses have to follow each other quickly, and none counts if something
// moved shortly before, during or, for slow readers, after it that no hand moved.
const NEEDED = 3;
const WITHIN = 2000; // milliseconds, from the first press to the last
const SETTLED = 1000; // milliseconds since something moved by itself
const JUST_TYPED = 100; // milliseconds: what is typed moves the selection a moment later
const status = document.getElementById("leaving");

let presses = []; // when Shift was pressed and released alone
let alone = false;
let touched = -Infinity; // when a hand did something else
let typed = -Infinity; // when a field changed
let moved = -Infinity; // when the page scrolled and no hand had done anything
let timer = 0;

/** Show and say how far one is, and what to do. */
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

/** Count no press up to now. */
function takeBack() {
  alone = false;
  if (presses.length) restart();
}

function touch(event) {
  if (event.shiftKey) alone = false; // Shift with the wheel goes sideways
  touched = Date.now();
  moved = -Infinity;
}

addEventListener("keydown", (event) => {
  const held = event.repeat || event.altKey || event.ctrlKey || event.metaKey; // Alt + Shift: next layout
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
