"""The screen reader Orca on a virtual screen, where tests press keys and read what Orca says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, Self

from support.needs import program
from support.processes import Program, wait_until

SETTINGS = """
import orca.settings

orca.settings.speechServerFactory = "voice"
orca.settings.enableBraille = False
orca.settings.enableKeyEcho = False
orca.settings.enableSound = False
"""
PATIENCE = 30  # seconds, because Orca is slow on a busy machine


class Desktop:
    """A virtual screen with a window manager, a session bus and Orca."""

    def __init__(self, folder: Path, voice: Path) -> None:
        """Use this folder for all files, and this speech module, which writes Orca's words to $HEARD."""
        self._folder = folder
        self._voice = voice
        self._heard = folder / "heard"
        self._running = ExitStack()
        self.env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),  # where the accessibility bus has its socket
            "LANG": "C.UTF-8",
            "HEARD": str(self._heard),
            "GNOME_ACCESSIBILITY": "1",  # for Firefox
        }

    def __enter__(self) -> Self:
        """Start the screen and its programs."""
        with ExitStack() as running:
            self._running = running
            screen = ("-screen", "0", "1280x1000x24")
            xvfb = self._start("Xvfb", "-displayfd", "1", *screen, "-nolisten", "tcp")
            self.env["DISPLAY"] = ":" + said(xvfb, r"\d+")
            dbus = self._start("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1")
            self.env["DBUS_SESSION_BUS_ADDRESS"] = said(dbus, "unix:.+")
            # Other window managers intercept Alt + Shift + arrow, with which Orca moves in tables.
            self._start("matchbox-window-manager", "-use_titlebar", "no")
            settings = self._folder / "orca"
            settings.mkdir()
            (settings / "orca-customizations.py").write_text(SETTINGS)
            shutil.copy(self._voice, settings)
            self._heard.touch()
            orca = self._start("Orca", "--user-prefs", str(settings))
            orca.wait_until(lambda: "Screen reader on." in self.heard, "Orca spoke", PATIENCE)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the programs in reverse order."""
        self._running.close()

    @property
    def heard(self) -> str:
        """Return all that Orca has said, a line for each phrase."""
        return self._heard.read_text()

    def press(self, *keys: str) -> None:
        """Press keys one after another, by their names in X."""
        self.xdotool("key", "--delay", "80", *keys)

    def xdotool(self, *orders: str) -> None:
        """Run xdotool with these arguments."""
        subprocess.run([program("xdotool"), *orders], env=self.env, check=True)

    def _start(self, what: str, *options: str) -> Program:
        started = Program([program(what), *options], self._folder / f"{what}.log", self.env)
        self._running.callback(started.stop, signal.SIGKILL)  # Orca is slow to react to milder signals
        return started


def said(by: Program, line: str) -> str:
    """Wait for a line of output that matches a pattern, and return it. Warnings may precede it."""
    pattern = re.compile(rf"^({line})\n", re.MULTILINE)
    by.wait_until(lambda: bool(pattern.search(by.said())), f"it said {line}")
    return str(pattern.findall(by.said())[0])


class Browser(Protocol):
    """The methods that support/browser.py and support/firefox.py have in common."""

    @property
    def url(self) -> str:
        """Return the current address."""

    def goto(self, url: str) -> None:
        """Open an address and wait until the page has loaded."""

    def run(self, script: str, *arguments: object) -> object:
        """Run the body of a function in the page, and return its result."""


class Listener:
    """A person who reads with a browser, Orca and the keyboard."""

    def __init__(self, desktop: Desktop, browser: Browser) -> None:
        """Use this screen and the browser that is open on it."""
        self.browser = browser
        self._desktop = desktop
        self._from = 0  # start of the output that `heard` returns

    def open(self, url: str) -> None:
        """Open a page, and stop Orca from reading all of it."""
        self._listen()
        self.browser.goto(url)
        self.hears("Finished loading")
        self._stop_reading()

    def press(self, *keys: str) -> None:
        """Press keys, by their names in X. `heard` then begins with these keys."""
        self._until_quiet()
        self._listen()
        self._desktop.press(*keys)

    def hold(self, key: str, other: str) -> None:
        """Hold `key` and press `other` without waiting for silence, as a person does who is in a hurry."""
        self._listen()
        self._desktop.xdotool(*f"keydown {key} key {other} sleep 0.2 keyup {key} sleep 0.3".split())

    def press_button(self, words: str) -> None:
        """Move to the button with these words by Tab and press it. To save time, begin just before it."""
        for _ in range(3):  # Orca may move the focus just after it stops reading
            self.browser.run(GO_BEFORE, words)
            self.press("Tab")
            self._until_quiet()
            if words in self.heard:
                break
        self.hears(words)
        self.press("Return")

    def find(self, key: str, words: str) -> None:
        """Press one of Orca's navigation keys until these words are heard."""
        heard: list[str] = []
        while len(heard) < 20 and words not in "".join(heard[-1:]):
            self.press(key)
            wait_until(lambda: bool(self.heard), f"hearing anything after {key}", PATIENCE)
            self._until_quiet()
            heard.append(self.heard)
        assert words in heard[-1], f"{key} leads to nothing that says {words}. Heard:\n" + "\n".join(heard)

    def hears(self, *phrases: str) -> None:
        """Wait until these phrases have been heard in this order since the last key press or page."""
        pattern = re.compile(".*".join(re.escape(phrase) for phrase in phrases), re.DOTALL)
        try:
            wait_until(lambda: bool(pattern.search(self.heard)), f"hearing {phrases}", PATIENCE)
        except TimeoutError as late:
            raise AssertionError(f"{late}. Heard:\n{self.heard}") from None

    def _stop_reading(self) -> None:
        """Press Control until Orca is silent. Orca does not begin to read as soon as a page has loaded."""
        before = ""
        while before != (before := self._desktop.heard):
            self._desktop.press("Control_L")
            time.sleep(1)

    def _until_quiet(self) -> None:
        """Wait until Orca is silent, so that late speech is not attributed to the next key."""
        before = ""
        while before != (before := self._desktop.heard):
            time.sleep(0.7)

    @property
    def heard(self) -> str:
        """Return what was heard since the last key press or page, on one line because pauses differ."""
        return " ".join(self._desktop.heard[self._from :].split())

    def _listen(self) -> None:
        self._from = len(self._desktop.heard)


GO_BEFORE = """
const parts = [...document.querySelectorAll("a[href], button, input, textarea, summary")]
    .filter((part) => part.getClientRects().length);
parts[parts.findIndex((part) => part.innerText === arguments[0]) - 1].focus();
"""
