"""Form A filled in with words that nothing else would hold, and the search for what is left of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Error as ChromiumError

from support.firefox import FirefoxError
from support.processes import wait_until

# What is typed, a field each.
MARKERS = {
    "name": "Quillfeather",
    "phone": "01632960947",
    "safe_notes": "Behind the zinnwaldite gate",
    "about": "The xylographer of Oxbowthwaite",
}
WORDS = ("Quillfeather", "01632960947", "zinnwaldite", "Oxbowthwaite")  # one of each, to search for
MOZ_LZ4 = b"mozLz40\0"  # then the length, and one block of LZ4
# Each step of form A: what is typed or, with a value, chosen.
STEPS = (
    ("name", "adult=yes"),
    ("contact_by=phone", "phone", "leave_message=no", "say_who=no", "safe_notes"),
    ("link=live", "about"),
    ("needs=bsl", "agree=yes"),
)
FORWARDS = "[data-screen]:not([hidden]) .button:not(.plain)"  # Start, Continue, Send
SEND = ".send .button:not(.plain)"
EXIT = "a.exit"
NO_ANSWER = (FirefoxError, ChromiumError)  # of a page that is being left while it is asked

# What stands in controls, and the document with what script and server put there.
HELD = """return [...document.querySelectorAll("input, textarea, select")].flatMap((control) =>
    control.type === "hidden" ? [] : /radio|checkbox/.test(control.type) ?
    (control.checked ? [control.name + "=" + control.value] : []) : [control.value.trim()]).filter(Boolean)"""
STANDS = "return document.title + location.href + document.documentElement.outerHTML"
# Firefox's own pages that say what is wrong never come further than "interactive" where script is off.
READY = "return document.readyState !== 'loading' && location.href + document.title"


class Tab(Protocol):
    """What both browsers can do."""

    def goto(self, url: str) -> None: ...
    def back(self) -> None: ...
    def forward(self) -> None: ...
    def click(self, selector: str) -> None: ...
    def type(self, selector: str, words: str) -> None: ...
    def run(self, script: str, *arguments: object) -> Any: ...
    @property
    def url(self) -> str: ...


def fill(tab: Tab, *, by_step: bool, steps: Sequence[Sequence[str]] = STEPS, **other: str) -> None:
    """Answer these steps of an open form A; `other` words in place of MARKERS."""
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
    """List every answer that the page shows, from now until it has come to rest; empty is well."""
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
    """Search every file of a browser's profile for the answers and for other words; give what is found, each
    with the files that hold it."""
    found: dict[str, list[str]] = {}
    for file in sorted(file for file in profile.rglob("*") if file.is_file()):
        text = ""
        with suppress(FileNotFoundError):  # a browser that runs takes files away
            text = words_of(file)
        for word in (*WORDS, *others):
            if word in text:
                found.setdefault(word, []).append(file.relative_to(profile).as_posix())
    return found


def words_of(file: Path) -> str:
    """Return all that a file may say, whatever it is: its bytes, also unpacked, also as UTF-16."""
    content = file.read_bytes()
    if content.startswith(MOZ_LZ4):
        content = unpacked(content[len(MOZ_LZ4) + 4 :])
    return content.decode("latin-1") + content.replace(b"\0", b"").decode("latin-1")


def unpacked(block: bytes) -> bytes:
    """Undo LZ4, as Firefox packs its session files: bytes as they are, then a copy of earlier ones."""
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
    """Press Back or Forward. Where the browser asks first whether to send again, nothing is shown."""
    try:
        press()
    except NO_ANSWER as refusal:
        if not any(asks in str(refusal) for asks in ("ERR_CACHE_MISS", "about:neterror")):
            raise


def arrives(tab: Tab, beginning: str) -> None:
    """Wait until the address begins so."""

    def is_there() -> bool:
        try:
            return tab.url.startswith(beginning)
        except NO_ANSWER:
            return False

    wait_until(is_there, beginning)
