"""Screenshots of the main pages, always opened in the same way, and compared with kept pictures.

Pages are opened without JavaScript, so that a form is one document. Parts that change by themselves are
removed: the day of the last check, the number of stories, and all but a few stories.
"""

from __future__ import annotations

import base64
import os
import time
from typing import Any

from playwright.sync_api import Browser, Page

from rjsite.settings import ROOT

HERE = ROOT / "tests" / "browser"
PICTURES, TREES = HERE / "pictures", HERE / "trees"
DIFFERENCES = ROOT / "var" / "pictures"
MAKE = bool(os.environ.get("MAKE_PICTURES"))  # `make pictures`: keep new pictures, compare nothing

PAGES = {
    "home": "/",
    "page": "/how-it-works",
    "questions": "/questions",
    "easier-to-read": "/easy-read",
    "stories": "/case-studies/",
    "story": "/case-studies/a-night-out",
    "form": "/refer/a",
    "form-with-errors": "/refer/a",
    "sent": "/sent",
    "not-found": "/no-such-page",
    "styleguide": "/styleguide",
}
LARGER = "html { font-size: 225% !important }"  # the text alone at 200%
SPACING = """* { line-height: 1.5 !important; letter-spacing: .12em !important }
* { word-spacing: .16em !important } p { margin-bottom: 2em !important }"""  # WCAG 2.2, 1.4.12
KEPT_STORIES = ["the-shop-window", "a-broken-fence", "a-night-out"]
STEADY = """kept => {
    for (const changing of document.querySelectorAll(".checked, .found, .pages, details.choose"))
        changing.remove();
    for (const card of document.querySelectorAll(".list .card"))
        if (!kept.includes(card.querySelector("a").pathname.split("/").pop())) card.remove();
    document.activeElement.blur();
    scrollTo(0, 0);
}"""

# Window height and scale by width. Pictures are about 300 pixels wide: clear enough, and small to store.
SIZES = {360: (740, 0.5), 768: (1024, 0.34), 1280: (800, 0.25), 1920: (1080, 0.18)}

# Pictures are compared at their kept size, as a mosaic: each block of 4 by 4 pixels has its mean colour.
# Different smoothing of letters, or a shift of the page by one pixel, hardly changes it.
STONE = 4
APART = 12  # of 255: blocks differ if red, green or blue differs by more
STONES = 4  # number of blocks that may differ in a picture
COMPARE = """async ({now, kept, stone, apart}) => {
    const draw = (image, width, height) => {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext("2d", {willReadFrequently: true});
        context.imageSmoothingQuality = "high";
        context.drawImage(image, 0, 0, width, height);
        return {canvas, pixels: context.getImageData(0, 0, width, height).data};
    };
    const read = async (data) => createImageBitmap(await (await fetch(`data:image/*;base64,${data}`)).blob());
    const write = async (canvas, type, quality) => {
        const bytes = new Uint8Array(await (await canvas.convertToBlob({type, quality})).arrayBuffer());
        return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    };
    const whole = await read(now);
    const made = await write(draw(whole, whole.width, whole.height).canvas, "image/webp", 0.7);
    if (!kept || kept === made) return {made, differing: 0, now: [], kept: []};
    const a = await read(made), b = await read(kept);
    const width = Math.ceil(b.width / stone), height = Math.ceil(b.height / stone);
    const one = draw(a, width, height).pixels, other = draw(b, width, height).pixels;
    const sheet = new OffscreenCanvas(3 * b.width + 20, Math.max(a.height, b.height));
    const shown = sheet.getContext("2d");
    shown.drawImage(b, 0, 0);
    shown.drawImage(a, b.width + 10, 0);
    shown.globalAlpha = 0.25;
    shown.drawImage(a, 2 * b.width + 20, 0);
    shown.globalAlpha = 1;
    shown.fillStyle = "#d0005a";
    let differing = 0;
    for (let at = 0; at < one.length; at += 4) {
        if (![0, 1, 2].some((channel) => Math.abs(one[at + channel] - other[at + channel]) > apart)) continue;
        differing++;
        const x = (at / 4) % width, y = Math.floor(at / 4 / width);
        shown.fillRect(2 * b.width + 20 + x * stone, y * stone, stone, stone);
    }
    const sizes = {now: [a.width, a.height], kept: [b.width, b.height]};
    return {differing, ...sizes, sheet: await write(sheet, "image/png")};
}"""


def open_steady(page: Page, name: str) -> None:
    """Open one of PAGES (without JavaScript) and remove parts that change by themselves."""
    page.goto(PAGES[name])
    if name == "form-with-errors":
        page.get_by_role("button", name="Send to the team").click()
        page.locator("#problem").wait_for()
    page.evaluate(STEADY, KEPT_STORIES)
    page.evaluate("document.fonts.ready.then(() => true)")


def add_style(page: Page, css: str) -> None:
    """Add CSS that overrides the page's own, like a user style sheet."""
    page.evaluate(
        "css => { const s = new CSSStyleSheet(); s.replaceSync(css); document.adoptedStyleSheets = [s] }", css
    )


def photograph(page: Page, width: int, *, settled: bool = True) -> bytes:
    """Return a screenshot of the whole page at a width of SIZES, scaled down by the browser.

    On a busy machine the browser may capture a tall page before it is fully drawn, so the screenshot is
    repeated until two are identical. A caller that looks again if it finds a difference can skip this with
    `settled=False`.
    """
    height, scale = SIZES[width]
    page.set_viewport_size({"width": width, "height": height})
    whole = page.evaluate("document.documentElement.scrollHeight")
    devtools = page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, "width": width, "height": whole, "scale": scale}
    last = ""
    for _ in range(8):
        taken = devtools.send("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})["data"]
        settled_now = taken == last or not settled
        last = taken
        if settled_now:
            break
        time.sleep(0.05)
    devtools.detach()
    return base64.b64decode(last)


class Studio:
    """Keeps and compares pictures, in a separate browser page."""

    def __init__(self, browser: Browser) -> None:
        """Open the page."""
        self._page = browser.new_page()

    def close(self) -> None:
        """Close the page."""
        self._page.close()

    def keep(self, name: str, png: bytes) -> None:
        """Keep a picture."""
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"{name}.webp").write_bytes(base64.b64decode(self._ask(png, b"")["made"]))

    def difference(self, name: str, png: bytes, kept: bytes = b"") -> str:
        """Return how a picture differs from the kept one, or "", and save a comparison in var/pictures/."""
        if not kept and not (PICTURES / f"{name}.webp").exists():
            return f"{name}: no picture is kept. Run: make pictures"
        found = self._ask(png, kept or (PICTURES / f"{name}.webp").read_bytes())
        grown = [abs(a - b) for a, b in zip(found["now"], found["kept"], strict=True)]
        if found["differing"] <= STONES and max(grown, default=0) <= 1:
            return ""
        DIFFERENCES.mkdir(parents=True, exist_ok=True)
        sheet = DIFFERENCES / f"{name}.png"
        sheet.write_bytes(base64.b64decode(found["sheet"]))
        return f"{sheet.relative_to(ROOT)}: {found['differing']} places; {found['kept']}, now {found['now']}"

    def _ask(self, png: bytes, kept: bytes) -> dict[str, Any]:
        given = {
            "now": base64.b64encode(png).decode(),
            "kept": base64.b64encode(kept).decode(),
            "stone": STONE,
            "apart": APART,
        }
        found: dict[str, Any] = self._page.evaluate(COMPARE, given)
        return found
