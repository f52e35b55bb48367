"""A visitor without a browser, who reads a form's token and posts URL-encoded answers over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

Answers = Mapping[str, str | Sequence[str]]

FORM_A: dict[str, str | Sequence[str]] = {
    "name": "Ally",
    "adult": "yes",
    "contact_by": "phone",
    "phone": "01632 960 001",
    "leave_message": "no",
    "say_who": "no",
    "safe_notes": "Only before 3pm on weekdays",
    "link": ["live"],
    "about": "A window of the corner shop.",
    "agree": "yes",
}
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
REFERENCE = re.compile(r"\b[2346789FHKMQRWXY]{4}-[2346789FHKMQRWXY]{4}\b")


@dataclass(frozen=True)
class Response:
    """The response to a request."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        """Return the target of a redirect."""
        return self.headers.get("Location", "")


class Visitor:
    """Sends requests to one site, each on a new connection."""

    def __init__(self, base_url: str, **headers: str) -> None:
        """Visit the site at this address, with these headers (`X_Forwarded_For="192.0.2.1"`)."""
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        parts = urlsplit(base_url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80

    def get(self, path: str) -> Response:
        """Fetch one page."""
        return self._ask("GET", path)

    def token(self, path: str = "/refer/a") -> str:
        """Return a new token of a form."""
        found = TOKEN.search(self.get(path).text)
        assert found, "the form has no token"
        return found[1]

    def send(self, answers: Answers = FORM_A, path: str = "/refer/a", token: str = "") -> Response:
        """Post a form, with a new token unless one is given."""
        body = urlencode({**answers, "form_token": token or self.token(path)}, doseq=True)
        return self._ask("POST", path, body)

    def reference(self, sent: Response) -> str:
        """Return the reference on the page that follows a sent form."""
        assert sent.status == 303, sent.text
        found = REFERENCE.search(self.get(sent.location).text)
        assert found, "/sent shows no reference"
        return found[0]

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(self.host, self.port, timeout=30)

    def _ask(self, method: str, path: str, body: str | None = None) -> Response:
        connection = self._connection()
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        headers = {**self.headers, **kind}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Response(response.status, dict(response.headers), response.read().decode())
        finally:
            connection.close()
