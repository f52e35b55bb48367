// Small helps on every page; each page works without them.

// On a narrow screen “Menu” jumps to the list at the foot of the page; here it opens the list in its place.
const jump = document.querySelector(".to-menu");
if (jump) {
  const button = document.createElement("button");
  button.className = jump.className;
  button.append(...jump.childNodes);
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const opened = document.querySelector(".menu").classList.toggle("open");
    button.setAttribute("aria-expanded", String(opened));
  });
  jump.replaceWith(button);
}

// Where something is wrong, reading starts there.
/** @type {HTMLElement} */ (document.querySelector("#notice, #problem"))?.focus();

// The reference is on the page; it need not stay in the address.
if (document.querySelector("[data-sent]") && location.search) {
  history.replaceState(null, "", location.pathname);
}

// Paper shows what is folded away, and all that was written, also where the browser does not size a
// field by its content.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const area of document.querySelectorAll("textarea")) {
    const line = parseFloat(getComputedStyle(area).lineHeight);
    area.rows = Math.max(area.rows, Math.ceil(area.scrollHeight / line));
  }
});
