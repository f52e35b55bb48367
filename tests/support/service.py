"""The invented service, whose content the tests of the engine use.

Its content belongs to the tests, so that a change to the client's content makes no test of the engine fail.
Only tests/content may read the client's content; anywhere else `ClientContent` makes the attempt fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from rjsite.settings import ROOT

CLIENT = ROOT / "content"
SERVICE = ROOT / "tests" / "invented_service"
PHONE = "01632 960 140"
EXIT = "https://weather.example/today"
READS = {"open", "os.listdir", "os.scandir"}  # events of sys.addaudithook whose first argument is a path


class ClientContent:
    """An audit hook that refuses to open or list anything in the client's content folder."""

    def __init__(self) -> None:
        """Refuse to read the client's content by default."""
        self._refuses = True

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Raise an error if the event reads the client's content.

        Raises:
            AssertionError: if a test outside tests/content reads it.
        """
        if not self._refuses or event not in READS or not isinstance(arguments[0], str | os.PathLike):
            return
        # a relative path may be relative to another folder, as in shutil.rmtree
        if f"{os.path.normpath(os.fsdecode(arguments[0]))}/".startswith(f"{CLIENT}/"):
            raise AssertionError(f"only tests/content may read {arguments[0]}; use support.service.SERVICE")

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Allow the client's content to be read."""
        self._refuses = False
        try:
            yield
        finally:
            self._refuses = True


def example(name: str) -> str:
    """Return an example configuration from deploy/ with the facts of the invented service.

    The examples repeat the phone number and the exit address of the client, which `rjsite check` compares
    with the client's facts.
    """
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    text = re.sub(r"(?<=call us free on )[\d ]*\d", PHONE, text)
    return re.sub(r"(?<=redir )https://\S+(?= 303)|(?<=return 303 )https://[^\s;]+", EXIT, text)
