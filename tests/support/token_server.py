"""A real token server for the tests: OAuth 2.0 client credentials over TLS, by secret or signed assertion."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from support.authority import Authority, server_context
from support.processes import LOOPBACK
from support.readers import make_reader

CLIENT, SECRET, SCOPE = "client-0001", "the~secret.of-the_client", "https://mail.example/.default"
MAILBOX = "website@example.org"


@dataclass
class TokenServer:
    """Issues tokens to one client, and remembers which are valid.

    Attributes:
        certificate: the client's certificate for signed assertions; if None, the client needs the secret.
        life: the stated lifetime of a token in seconds.
        answer: status and body to send instead of a token.
        chunked: whether the body says itself how long its parts are, instead of a header.
        drip: whether to send the response one byte at a time, for ever.
        asked: the number of requests.
    """

    authority: Authority
    certificate: x509.Certificate | None = None
    life: int | str = 3600
    answer: tuple[int, bytes] | None = None
    chunked: bool = False
    drip: bool = False
    asked: int = 0
    valid: set[str] = field(default_factory=set)
    forms: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._server.socket = server_context(self.authority.sign()).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.drip = False
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Return the URL that issues tokens."""
        return f"https://localhost:{self._server.server_address[1]}/tenant/oauth2/v2.0/token"

    def settings(self) -> dict[str, str]:
        """Return the settings, as environment variables, for this token server."""
        return {
            "RJSITE_MAIL_OAUTH_TOKEN_URL": self.url,
            "RJSITE_MAIL_OAUTH_CLIENT_ID": CLIENT,
            "RJSITE_MAIL_OAUTH_SCOPE": SCOPE,
            "RJSITE_MAIL_OAUTH_CLIENT_SECRET": SECRET,
            "RJSITE_MAIL_USERNAME": MAILBOX,
            "RJSITE_MAIL_CA_FILE": str(self.authority.ca_file),
        }

    def accepts(self, name: str, token: str) -> bool:
        """Return whether a mail server should accept this user with this token."""
        return name == MAILBOX and token in self.valid

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {
                    name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()
                }
                status, body = server.respond(form)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if server.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                else:
                    self.send_header("Content-Length", str(60_000 if server.drip else len(body)))
                self.end_headers()
                with suppress(OSError):
                    while server.drip:
                        self.wfile.write(b" ")
                        time.sleep(0.05)
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        return Handler

    def respond(self, form: dict[str, str]) -> tuple[int, bytes]:
        """Return the status and body of the response to a token request."""
        self.asked += 1
        self.forms.append(form)
        if self.answer:
            return self.answer
        expected = {"grant_type": "client_credentials", "client_id": CLIENT, "scope": SCOPE}
        if {name: form.get(name) for name in expected} != expected or not self._is_client(form):
            error = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}
            return 401, json.dumps(error).encode()
        token = secrets.token_urlsafe(1500)  # as long as a real token
        self.valid.add(token)
        return 200, json.dumps(
            {"token_type": "Bearer", "expires_in": self.life, "access_token": token}
        ).encode()

    def _is_client(self, form: dict[str, str]) -> bool:
        if not self.certificate:
            return form.get("client_secret") == SECRET
        return "client_secret" not in form and self._is_assertion(form.get("client_assertion", ""))

    def _is_assertion(self, assertion: str) -> bool:
        """Return whether an assertion is valid (RFC 7523). Raise InvalidSignature if the key is wrong."""
        assert self.certificate
        signed, _, signature = assertion.rpartition(".")
        header, claims = (json.loads(_decode(part)) for part in signed.split("."))
        key = self.certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        key.verify(_decode(signature), signed.encode(), pss, hashes.SHA256())
        thumbprint = hashlib.sha256(self.certificate.public_bytes(serialization.Encoding.DER)).digest()
        return (
            header == {"alg": "PS256", "typ": "JWT", "x5t#S256": _encode(thumbprint)}
            and claims["aud"] == self.url
            and claims["iss"] == claims["sub"] == CLIENT
            and claims["nbf"] <= time.time() < claims["exp"] <= time.time() + 3600
            and bool(claims["jti"])
        )


def client_key(folder: Path, days: int = 300) -> tuple[Path, x509.Certificate]:
    """Return a PEM file with an RSA key and its certificate, and the certificate itself."""
    made = make_reader(folder, "client", days=days)
    file = folder / "client-key-and-certificate.pem"
    file.write_bytes(made.key.read_bytes() + made.certificate.read_bytes())
    return file, x509.load_pem_x509_certificate(made.certificate.read_bytes())


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
