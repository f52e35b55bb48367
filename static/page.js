// Small improvements on every page. Each page also works without them.

// On a narrow screen, “Menu” is a link to the list at the foot of the page. This turns it into a button that opens
// the list at the top.
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

// If the page has a notice or a list of errors, move the focus there, so that a screen reader starts with it.
/** @type {HTMLElement} */ (document.querySelector("#notice, #problem"))?.focus();

// The page shows the reference, so the address does not have to contain it any longer.
if (document.querySelector("[data-sent]") && location.search) {
  history.replaceState(null, "", location.pathname);
}

// Print what is folded away, and the whole text of each field, even if the browser does not adapt the size of a
// field to its content.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const area of document.querySelectorAll("textarea")) {
    const line = parseFloat(getComputedStyle(area).lineHeight);
    area.rows = Math.max(area.rows, Math.ceil(area.scrollHeight / line));
  }
});
