"""What waitress lets through and we do not: requests that read in two ways, other hosts, endless clients.

Every refusal closes the connection. Rules: RFC 9112, sections 3.2, 5.2, 6.1 and 6.3; contract, section 4.
"""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, Task, WSGITask
from waitress.utilities import RequestEntityTooLarge
from werkzeug.sansio.utils import host_is_trusted

from rjsite.web.security import PROBES, TOO_LARGE, log_line

MOST = 4000  # slow clients wait here, not in a thread
PATIENCE = 60  # seconds for a whole request, and for a client that takes no more of an answer
LOOK_EVERY = 10  # seconds between looks for those who used them up
FILES = 200  # that the site opens besides

_FRAMING = re.compile(rb"\r\n((?:content-length|transfer-encoding)(?:[^\r]|\r(?!\n))*)")
_ours = lru_cache(maxsize=256)(host_is_trusted)  # each request asks


def room() -> int:
    """Let this process open all the files it may; returns how many connections that is enough for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return min(MOST, most - FILES)


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Reads a request that can be read in one way only.

    Attributes:
        hosts: the hosts the site answers to.
    """

    hosts: ClassVar[Sequence[str]] = ()

    def parse_header(self, header_plus: bytes) -> None:
        """Read the first line and the headers.

        Raises:
            ParsingError: answered with 400.
        """
        if not header_plus.endswith(b"\r\n\r\n"):  # in the place of headers that were too large
            super().parse_header(header_plus)
            return
        read = b"\r\n" + header_plus.lower()
        framing = _FRAMING.findall(read)
        if len(framing) > 1 or b"," in b"".join(framing):
            raise ParsingError("More than one length")
        if b"\r\n " in read or b"\r\n\t" in read:
            raise ParsingError("A header over more than one line")
        try:
            super().parse_header(header_plus)
        except ValueError:  # from `urlsplit`
            raise ParsingError("Not an address") from None
        if "TRANSFER_ENCODING" in self.headers:  # HTTP/1.0 does not know it: where the body ends is a guess
            raise ParsingError("More than one length")
        asked = self.headers.get("HOST", "")
        hosts = () if self.path in PROBES else (asked, self.proxy_netloc or asked)
        if not all(_ours(host, tuple(self.hosts)) for host in hosts):
            raise ParsingError("Another host")


class _Refusal(ErrorTask):  # type: ignore[misc]
    """A line for what is no request."""

    def execute(self) -> None:
        log_line("-", "-", self.request.error.code, time.perf_counter())
        super().execute()


class _TooLarge(WSGITask):  # type: ignore[misc]
    """The site's own page for a request whose body was not read to its end."""

    def get_environment(self) -> dict[str, Any]:
        return {**super().get_environment(), TOO_LARGE: True}

    def execute(self) -> None:
        self.set_close_on_finish()
        super().execute()


def _refusal(channel: HTTPChannel, read: HTTPRequestParser) -> Task:
    too_large = isinstance(read.error, RequestEntityTooLarge)
    return (_TooLarge if too_large else _Refusal)(channel, read)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that ends when its client takes too long over one request."""

    parser_class = Parser
    error_task_class = staticmethod(_refusal)
    last_activity: float
    begun = 0.0

    def received(self, data: bytes) -> bool:
        """Take bytes in. Only those that begin or end a request earn more time: else one a minute would."""
        before = self.request
        took = bool(super().received(data))
        if self.request is not before:
            self.begun = self.last_activity
        elif before is not None:
            self.last_activity = self.begun
        return took
