"""Fills in form A with words that occur nowhere else, and searches for traces of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Error as ChromiumError

from support.firefox import FirefoxError
from support.processes import wait_until

# The text to type into each field.
MARKERS = {
    "name": "Quillfeather",
    "phone": "01632960947",
    "safe_notes": "Behind the zinnwaldite gate",
    "about": "The xylographer of Oxbowthwaite",
}
WORDS = ("Quillfeather", "01632960947", "zinnwaldite", "Oxbowthwaite")  # a word of each field, to search for
MOZ_LZ4 = b"mozLz40\0"  # followed by the length and one LZ4 block
# For each step of form A, the fields to type into or, with a value, to choose.
STEPS = (
    ("name", "adult=yes"),
    ("contact_by=phone", "phone", "leave_message=no", "say_who=no", "safe_notes"),
    ("link=live", "about"),
    ("needs=bsl", "agree=yes"),
)
FORWARDS = "[data-screen]:not([hidden]) .button:not(.plain)"  # Start, Continue, Send
SEND = ".send .button:not(.plain)"
EXIT = "a.exit"
NO_ANSWER = (FirefoxError, ChromiumError)  # raised while the page is being left

# HELD returns the values of all controls, and STANDS the document with the changes that scripts have made.
HELD = """return [...document.querySelectorAll("input, textarea, select")].flatMap((control) =>
    control.type === "hidden" ? [] : /radio|checkbox/.test(control.type) ?
    (control.checked ? [control.name + "=" + control.value] : []) : [control.value.trim()]).filter(Boolean)"""
STANDS = "return document.title + location.href + document.documentElement.outerHTML"
# With JavaScript off, Firefox's error pages never get further than "interactive".
READY = "return document.readyState !== 'loading' && location.href + document.title"


class Tab(Protocol):
    """The methods that both browsers have."""

    def goto(self, url: str) -> None: ...
    def back(self) -> None: ...
    def forward(self) -> None: ...
    def click(self, selector: str) -> None: ...
    def type(self, selector: str, words: str) -> None: ...
    def run(self, script: str, *arguments: object) -> Any: ...
    @property
    def url(self) -> str: ...


def fill(tab: Tab, *, by_step: bool, steps: Sequence[Sequence[str]] = STEPS, **other: str) -> None:
    """Answer these steps of an open form A, with `other` words instead of those in MARKERS."""
    words = MARKERS | other
    for step in steps:
        if by_step:
            tab.click(FORWARDS)
        for field in step:
            name, _, value = field.partition("=")
            if value:
                tab.click(f'[name="{name}"][value="{value}"]')
            else:
                tab.type(f"#{name}", words[name])


def shown(tab: Tab) -> list[str]:
    """Return every answer that the page shows until it stops changing."""
    found: list[str] = []
    states = [""]

    def rests() -> bool:
        try:
            html = tab.run(STANDS)
            found.extend(tab.run(HELD) + [words for words in MARKERS.values() if words in html])
            states.append(tab.run(READY))
        except NO_ANSWER:
            states.append("")
        time.sleep(0.1)
        return bool(states[-1]) and states[-1] == states[-2]

    wait_until(rests, "a page at rest")
    return found


def left_on_disk(profile: Path, *others: str) -> dict[str, list[str]]:
    """Return the answers and other words found in a browser's profile, with the files that contain them."""
    found: dict[str, list[str]] = {}
    for file in sorted(file for file in profile.rglob("*") if file.is_file()):
        text = ""
        with suppress(FileNotFoundError):  # a running browser may delete files
            text = words_of(file)
        for word in (*WORDS, *others):
            if word in text:
                found.setdefault(word, []).append(file.relative_to(profile).as_posix())
    return found


def words_of(file: Path) -> str:
    """Return all text in a file, unpacked if necessary, read as single bytes and as UTF-16."""
    content = file.read_bytes()
    if content.startswith(MOZ_LZ4):
        content = unpacked(content[len(MOZ_LZ4) + 4 :])
    return content.decode("latin-1") + content.replace(b"\0", b"").decode("latin-1")


def unpacked(block: bytes) -> bytes:
    """Decompress an LZ4 block, as in Firefox's session files: literal bytes, each run followed by a copy."""
    out = bytearray()
    rest = iter(block)

    def length(first: int) -> int:
        more = 255 if first == 15 else 0
        while more == 255:
            more = next(rest)
            first += more
        return first

    for token in rest:
        out += bytes(next(rest) for _ in range(length(token >> 4)))
        low = next(rest, None)
        if low is None:
            break
        start = len(out) - (low | next(rest) << 8)
        for at in range(start, start + length(token & 15) + 4):
            out.append(out[at])
    return bytes(out)


def pressed(press: Callable[[], None]) -> None:
    """Press Back or Forward. If the browser asks whether to send a form again, no page is shown."""
    try:
        press()
    except NO_ANSWER as refusal:
        if not any(asks in str(refusal) for asks in ("ERR_CACHE_MISS", "about:neterror")):
            raise


def arrives(tab: Tab, beginning: str) -> None:
    """Wait until the address begins like this."""

    def is_there() -> bool:
        try:
            return tab.url.startswith(beginning)
        except NO_ANSWER:
            return False

    wait_until(is_there, beginning)
