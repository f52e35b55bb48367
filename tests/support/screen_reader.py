"""The screen reader Orca on a screen that nobody sees: press keys there, and hear what a browser says."""

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
PATIENCE = 30  # seconds: Orca is slow on a busy machine


class Desktop:
    """A screen with a window manager, a session bus and Orca."""

    def __init__(self, folder: Path, voice: Path) -> None:
        """Choose the folder for all files, and the module that Orca speaks with: it writes to $HEARD."""
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
            "GNOME_ACCESSIBILITY": "1",  # Firefox asks for this one
        }

    def __enter__(self) -> Self:
        """Start all of it."""
        with ExitStack() as running:
            self._running = running
            screen = ("-screen", "0", "1280x1000x24")
            xvfb = self._start("Xvfb", "-displayfd", "1", *screen, "-nolisten", "tcp")
            self.env["DISPLAY"] = ":" + said(xvfb, r"\d+")
            dbus = self._start("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1")
            self.env["DBUS_SESSION_BUS_ADDRESS"] = said(dbus, "unix:.+")
            # Other window managers keep Alt + Shift + arrow, by which Orca moves in tables, for themselves.
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
        """Stop all of it, the last first."""
        self._running.close()

    @property
    def heard(self) -> str:
        """All that was heard so far, a line for each phrase."""
        return self._heard.read_text()

    def press(self, *keys: str) -> None:
        """Press keys one after another, by their names in X."""
        self.xdotool("key", "--delay", "80", *keys)

    def xdotool(self, *orders: str) -> None:
        """Do with the keys what these words tell xdotool."""
        subprocess.run([program("xdotool"), *orders], env=self.env, check=True)

    def _start(self, what: str, *options: str) -> Program:
        started = Program([program(what), *options], self._folder / f"{what}.log", self.env)
        self._running.callback(started.stop, signal.SIGKILL)  # Orca takes its time over anything milder
        return started


def said(by: Program, line: str) -> str:
    """Wait for a line of this form from a program, and return it. Complaints may come before it."""
    pattern = re.compile(rf"^({line})\n", re.MULTILINE)
    by.wait_until(lambda: bool(pattern.search(by.said())), f"it said {line}")
    return str(pattern.findall(by.said())[0])


class Browser(Protocol):
    """What support/browser.py and support/firefox.py have in common."""

    @property
    def url(self) -> str:
        """The address now shown."""

    def goto(self, url: str) -> None:
        """Open an address; returns when the page has loaded."""

    def run(self, script: str, *arguments: object) -> object:
        """Run the body of a function in the page, and give what it returns."""


class Listener:
    """Somebody who reads with a browser, Orca and the keyboard."""

    def __init__(self, desktop: Desktop, browser: Browser) -> None:
        """Take the screen, and the browser that is open on it."""
        self.browser = browser
        self._desktop = desktop
        self._from = 0  # what was heard before is not asked about

    def open(self, url: str) -> None:
        """Open a page, and stop Orca from reading all of it."""
        self._listen()
        self.browser.goto(url)
        self.hears("Finished loading")
        self._stop_reading()

    def press(self, *keys: str) -> None:
        """Press keys, by their names in X. What is asked about is what is heard from here on."""
        self._until_quiet()
        self._listen()
        self._desktop.press(*keys)

    def hold(self, key: str, other: str) -> None:
        """Press a key while another is held, as quickly as a reader does who goes from part to part."""
        self._listen()
        self._desktop.xdotool(*f"keydown {key} key {other} sleep 0.2 keyup {key} sleep 0.3".split())

    def press_button(self, words: str) -> None:
        """Go to the button with these words by Tab and press it. To save time, begin just before it."""
        for _ in range(3):  # Orca, when it stops reading, may take the focus elsewhere a moment later
            self.browser.run(GO_BEFORE, words)
            self.press("Tab")
            self._until_quiet()
            if words in self.heard:
                break
        self.hears(words)
        self.press("Return")

    def find(self, key: str, words: str) -> None:
        """Press one of Orca's keys that go from part to part until these words are heard."""
        heard: list[str] = []
        while len(heard) < 20 and words not in "".join(heard[-1:]):
            self.press(key)
            wait_until(lambda: bool(self.heard), f"hearing anything after {key}", PATIENCE)
            self._until_quiet()
            heard.append(self.heard)
        assert words in heard[-1], f"{key} leads to nothing that says {words}. Heard:\n" + "\n".join(heard)

    def hears(self, *phrases: str) -> None:
        """Wait until all of this was heard, in this order, since the last key."""
        pattern = re.compile(".*".join(re.escape(phrase) for phrase in phrases), re.DOTALL)
        try:
            wait_until(lambda: bool(pattern.search(self.heard)), f"hearing {phrases}", PATIENCE)
        except TimeoutError as late:
            raise AssertionError(f"{late}. Heard:\n{self.heard}") from None

    def _stop_reading(self) -> None:
        """Press Control until nothing more is heard: Orca begins to read a while after a page has loaded."""
        before = ""
        while before != (before := self._desktop.heard):
            self._desktop.press("Control_L")
            time.sleep(1)

    def _until_quiet(self) -> None:
        """Wait until Orca has ended, so that what comes late is not taken for what the next key says."""
        before = ""
        while before != (before := self._desktop.heard):
            time.sleep(0.7)

    @property
    def heard(self) -> str:
        """What was heard since the last key, as one line: where Orca pauses differs between browsers."""
        return " ".join(self._desktop.heard[self._from :].split())

    def _listen(self) -> None:
        self._from = len(self._desktop.heard)


GO_BEFORE = """
const parts = [...document.querySelectorAll("a[href], button, input, textarea, summary")]
    .filter((part) => part.getClientRects().length);
parts[parts.findIndex((part) => part.innerText === arguments[0]) - 1].focus();
"""
