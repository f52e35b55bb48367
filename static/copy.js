// “Copy the text” in the staff copy. Without this script, people select and copy the text themselves.

const area = /** @type {HTMLTextAreaElement} */ (document.querySelector("textarea[readonly]"));
const line = /** @type {HTMLElement} */ (document.querySelector("[data-copy]"));
const copied = /** @type {HTMLElement} */ (document.querySelector("[data-copied]"));
if (line && navigator.clipboard) {
  line.hidden = false;
  line.querySelector("button").addEventListener("click", async () => {
    await navigator.clipboard.writeText(area.value);
    copied.hidden = false;
  });
}
