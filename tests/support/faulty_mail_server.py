"""A mail server that fails at one point in the conversation, on a real socket with TLS.

Up to that point it accepts mail as the team's server does (STARTTLS, then sign-in).
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from support.mail import Received
from support.processes import LOOPBACK, wait_until

CLOSE = "(closes the connection)"
SILENT = "(says nothing)"
DRIP = "(sends a letter now and then)"
ECHO = "(refuses and repeats the mail)"

LOGIN = ("website", "right-and-long")
GREETING = {
    "connect": "220 mail.example.org ready",
    "starttls": "220 go ahead",
    "auth": "235 welcome",
    "mail": "250 ok",
    "rcpt": "250 ok",
    "data": "354 go on",
    "body": "250 taken",
    "quit": "221 bye",
    "rset": "250 ok",
}


class _HungUp(Exception):
    """The connection is closed, or has to be."""


@dataclass
class FaultyMailServer:
    """An SMTP server on a port, with a configurable reply at each point in the conversation.

    Attributes:
        says: what to send at a point instead of the good reply: another reply, CLOSE, SILENT, DRIP or ECHO,
            or a list of these, used in turn.
        offers: the extensions that EHLO lists after TLS.
        refused: unknown recipients.
        injected: text sent unencrypted right after the reply to STARTTLS.
        received: mail that arrived, even if the connection then broke.
        taken: mail that the server accepted.
        plain: bytes that arrived before encryption.
    """

    port: int
    tls: ssl.SSLContext
    says: Mapping[str, str | list[str]] = field(default_factory=dict)
    offers: tuple[str, ...] = ("AUTH PLAIN LOGIN", "SIZE 10000000", "8BITMIME", "SMTPUTF8")
    offers_tls: bool = True
    refused: frozenset[str] = frozenset()
    longest_line: int = 1000
    injected: str = ""
    # called with the user and the token; if set, the server offers only XOAUTH2
    accepts_token: Callable[[str, str], bool] | None = None
    received: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    plain: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start listening."""
        self._turns: dict[str, int] = {}
        self._over = threading.Event()
        wait_until(self._listens, "the port to be free")  # another connection may be using it
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, even during a conversation."""
        self._over.set()
        with socket.socket() as knock:  # closing alone does not wake accept()
            knock.connect_ex((LOOPBACK, self.port))
        self._thread.join(10)
        self._listening.close()

    def _listens(self) -> bool:
        try:
            self._listening = socket.create_server((LOOPBACK, self.port))
        except OSError:
            return False
        return True

    def _accept(self) -> None:
        while not self._over.is_set():
            line, _ = self._listening.accept()
            if self._over.is_set():
                line.close()
                return
            _Conversation(self, line).hold()

    def answer(self, point: str) -> str:
        """Return the next reply at a point."""
        self.asked.append(point)
        said = self.says.get(point, GREETING[point])
        if isinstance(said, str):
            return said
        turn = self._turns.get(point, 0)
        self._turns[point] = turn + 1
        return said[turn] if turn < len(said) else GREETING[point]


class _Conversation:
    """One connection."""

    def __init__(self, server: FaultyMailServer, line: socket.socket) -> None:
        self.server = server
        self.line = line
        self.line.settimeout(20)
        self.encrypted = False
        self.heard = b""
        self.sender = ""
        self.recipients: list[str] = []

    def hold(self) -> None:
        """Serve the connection until one side closes it."""
        try:
            self.say("connect")
            while True:
                self.obey(self.hear())
        except (_HungUp, OSError, ValueError):
            pass
        finally:
            self.line.close()

    def obey(self, command: bytes) -> None:
        """Handle one command line."""
        verb = command[:4].decode(errors="replace").upper()
        doing: dict[str, Callable[[bytes], None]] = {
            "EHLO": self.ehlo,
            "STAR": self.starttls,
            "AUTH": self.auth,
            "MAIL": self.mail,
            "RCPT": self.rcpt,
            "DATA": self.data,
            "QUIT": self.quit,
        }
        doing.get(verb, lambda _: self.say("rset"))(command)

    def ehlo(self, _: bytes) -> None:
        """List the extensions, unless `says` has a reply for `ehlo` (before TLS) or `ehlo again` (after)."""
        said = self.server.says.get("ehlo again" if self.encrypted else "ehlo")
        if isinstance(said, str):
            self.utter(said)
            raise _HungUp
        offers = self.server.offers if self.encrypted else ("STARTTLS",) * self.server.offers_tls
        if self.server.accepts_token:
            offers = tuple(offer.replace("AUTH PLAIN LOGIN", "AUTH XOAUTH2") for offer in offers)
        words = ["mail.example.org", *offers]
        self.send("".join(f"250-{word}\r\n" for word in words[:-1]) + f"250 {words[-1]}\r\n")

    def starttls(self, _: bytes) -> None:
        """Switch to TLS, if the client accepts the certificate."""
        said = self.server.answer("starttls")
        self.send(said + "\r\n" + self.server.injected)
        if said.startswith("220"):
            self.line = self.server.tls.wrap_socket(self.line, server_side=True)
            self.encrypted, self.heard = True, b""

    def auth(self, command: bytes) -> None:
        """Accept the right name and password, or a valid token."""
        words = command.split()
        given = base64.b64decode(words[2]) if len(words) > 2 else b""
        if self.server.accepts_token:
            self.auth_by_token(given.decode(), self.server.accepts_token)
            return
        right = b"\0" + b"\0".join(word.encode() for word in LOGIN)
        if given != right:
            self.server.asked.append("auth")
            self.send("535 5.7.8 no\r\n")
        else:
            self.say("auth")

    def auth_by_token(self, given: str, accepts: Callable[[str, str], bool]) -> None:
        """Accept a valid token. A refusal begins with a challenge, as with Microsoft and Google."""
        user, token, *_ = given.split("\x01")
        if accepts(user.removeprefix("user="), token.removeprefix("auth=Bearer ")):
            self.say("auth")
            return
        self.send("334 e30=\r\n")
        self.hear()
        self.server.asked.append("auth")
        self.send("535 5.7.3 Authentication unsuccessful\r\n")

    def mail(self, command: bytes) -> None:
        """Accept a sender."""
        self.sender, self.recipients = command.decode(), []
        self.say("mail")

    def rcpt(self, command: bytes) -> None:
        """Accept a recipient unless it is in `refused`."""
        name = command.decode().partition("<")[2].partition(">")[0]
        if name in self.server.refused:
            self.send("550 5.1.1 no such person\r\n")
            return
        self.recipients.append(name)
        self.say("rcpt")

    def data(self, _: bytes) -> None:
        """Receive an email, then send the configured reply."""
        if not self.say("data").startswith("354"):
            return
        lines = []
        while (line := self.hear()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        if max(map(len, lines)) > self.server.longest_line or any(
            max(line, default=0) > 127 for line in lines
        ):
            self.send("554 5.6.0 line too long, or not ASCII\r\n")
            return
        raw = b"\r\n".join(lines) + b"\r\n"
        said = self.server.answer("body")
        if said == ECHO:
            words = raw.replace(b"\r\n", b" ").decode()
            self.send(f"554 5.7.1 refused: {words[-3000:]}\r\n")
            return
        if said.startswith("2") or said in (CLOSE, SILENT, DRIP):
            self.server.received.append(Received(self.sender, tuple(self.recipients), raw))
        if said.startswith("2"):
            self.server.taken.append(self.server.received[-1])
        self.utter(said)

    def quit(self, _: bytes) -> None:
        """Answer QUIT and close the connection."""
        self.say("quit")
        raise _HungUp

    def hear(self) -> bytes:
        """Return the next line without its line ending."""
        while b"\r\n" not in self.heard:
            got = self.line.recv(65536)
            if not got:
                raise _HungUp
            if not self.encrypted:
                self.server.plain.append(got)
            self.heard += got
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line

    def say(self, point: str) -> str:
        """Send the reply at a point, and return it."""
        said = self.server.answer(point)
        self.utter(said)
        return said

    def utter(self, said: str) -> None:
        """Send a reply, or do what CLOSE, SILENT or DRIP stands for."""
        if said == CLOSE:
            raise _HungUp
        if said == SILENT:
            self.server._over.wait(20)
            raise _HungUp
        if said == DRIP:
            while not self.server._over.wait(0.1):
                self.line.sendall(b"2")
            raise _HungUp
        self.send(said + "\r\n")

    def send(self, words: str) -> None:
        """Send a text unchanged."""
        self.line.sendall(words.encode())
