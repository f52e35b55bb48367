"""The voice with which Orca speaks in these tests. It writes what is heard to the file that $HEARD names.

Orca imports this module, with Debian's Python, as its factory of speech servers. Speech takes time here too:
what Orca stops before its turn is never heard, and Orca is notified when reading was interrupted. Otherwise
Orca would believe that it is reading for ever, and leave out groups and focus mode.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gi.repository import GLib
from orca import speechserver
from orca.speechserver import SayAllContext

HEARD = Path(os.environ["HEARD"])
PER_SIGN = 6  # milliseconds

Done = Callable[[int], None]


class SpeechServer(speechserver.SpeechServer):
    """Writes one phrase after another to a file, with a line for each."""

    _only: SpeechServer | None = None

    @staticmethod
    def getFactoryName() -> str:  # noqa: N802 (these names are Orca's)
        return "Voice"

    @staticmethod
    def getSpeechServers() -> list[SpeechServer]:  # noqa: N802
        return [SpeechServer.getSpeechServer()]

    @staticmethod
    def getSpeechServer(info: object = None) -> SpeechServer:  # noqa: N802
        SpeechServer._only = SpeechServer._only or SpeechServer()
        return SpeechServer._only

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[tuple[str, Done | None]] = deque()
        self._done: Done | None = None
        self._timer = 0

    def getInfo(self) -> list[str]:  # noqa: N802
        return ["Voice", "voice"]

    def getVoiceFamilies(self) -> list[object]:  # noqa: N802
        return []

    def speak(self, text: str | None = None, acss: object = None, interrupt: bool = True) -> None:
        if text:
            self._say(text)

    def speakCharacter(self, character: str, acss: object = None) -> None:  # noqa: N802
        self._say(character)

    def sayAll(self, utterances: Iterator[Any], progress: Callable[[Any, int], None]) -> None:  # noqa: N802
        """Read one part after another. Orca requests a part only when the one before has been heard."""
        context: Any = next(utterances, (None, None))[0]

        def done(how: int) -> None:
            completed = how == SayAllContext.COMPLETED
            context.currentOffset = context.endOffset if completed else context.startOffset
            progress(context, how)
            if completed:
                self.sayAll(utterances, progress)

        if context:
            self._say(context.utterance, done)

    def stop(self) -> None:
        self._waiting.clear()
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0
            if self._done:
                self._done(SayAllContext.INTERRUPTED)

    def _say(self, text: str, done: Done | None = None) -> None:
        self._waiting.append((text, done))
        if not self._timer:
            self._begin()

    def _begin(self) -> None:
        text, self._done = self._waiting.popleft()
        with HEARD.open("a") as file:
            file.write(" ".join(text.split()) + "\n")
        self._timer = GLib.timeout_add(PER_SIGN * len(text), self._end)

    def _end(self) -> bool:
        self._timer = 0
        if self._done:
            self._done(SayAllContext.COMPLETED)
        if self._waiting and not self._timer:
            self._begin()
        return False  # so that the timer does not repeat
