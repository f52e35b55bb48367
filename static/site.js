// The only script: leave quickly, point to the problem, tidy the address. Every page works without it.
// It stores nothing, sends nothing and asks nothing before leaving.

const exits = () => document.querySelectorAll("a[data-exit]");
const elsewhere = exits()[0]?.dataset.exit ?? "/exit";
let left = false;

/** Leave at once: nothing to see, nothing to read back, and this page replaced in the tab's history. */
function leave() {
  left = true;
  document.documentElement.hidden = true;
  document.title = "Loading";
  const icon = document.querySelector("link[rel=icon]");
  if (icon) icon.href = icon.dataset.blank;
  for (const control of document.querySelectorAll("input, textarea, select")) {
    control.checked = control.defaultChecked = false;
    control.value = control.defaultValue = "";
  }
  location.replace(elsewhere);
}

addEventListener("click", (event) => {
  if (event.target.closest?.("a[data-exit]")) {
    event.preventDefault();
    leave();
  }
});

// A page that was left stays blank when a browser brings it back from memory, and leaves again.
addEventListener("pageshow", () => {
  if (left) leave();
});

// Shift three times: each pressed and released alone, at most five seconds apart.
const NEEDED = 3;
const APART = 5000;
const status = document.createElement("p");
status.className = "leaving";
status.setAttribute("role", "status");
document.body.append(status);

let presses = 0;
let alone = false;
let forget = 0;

function count(number) {
  presses = number;
  clearTimeout(forget);
  if (presses === NEEDED) return leave();
  status.replaceChildren();
  if (presses === 0) return;
  for (let dot = 1; dot <= NEEDED; dot++) {
    const mark = document.createElement("i");
    if (dot <= presses) mark.className = "on";
    status.append(mark);
  }
  const more = NEEDED - presses;
  status.append(`Press Shift ${more} more ${more === 1 ? "time" : "times"} to leave`);
  forget = setTimeout(count, APART, 0);
}

addEventListener("keydown", (event) => {
  alone = event.key === "Shift" && !event.repeat;
  if (event.key !== "Shift") count(0);
});
addEventListener("keyup", (event) => {
  if (event.key === "Shift" && alone) count(presses + 1);
  alone = false;
});
addEventListener("pointerdown", () => {
  alone = false;
});

// Where something is wrong, reading starts there.
document.querySelector("#notice, #problem")?.focus();

// What is folded away is printed too.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});

// The reference is on the page; it need not stay in the address.
if (document.querySelector("[data-sent]") && location.search) {
  history.replaceState(null, "", location.pathname);
}

// Paper shows all that was written, also where the browser does not size a field by its content.
addEventListener("beforeprint", () => {
  for (const area of document.querySelectorAll("textarea")) {
    const line = parseFloat(getComputedStyle(area).lineHeight);
    area.rows = Math.max(area.rows, Math.ceil(area.scrollHeight / line));
  }
});
