"""Gets access tokens for the mail server with the client credentials grant of OAuth 2.0 (RFC 6749, 4.4).

This takes a single POST request, so http.client is enough. An OAuth library would bring its own HTTP client,
which neither stops after a set time nor trusts the certificates named in the settings. Tokens stay in memory;
no message, log or exception contains a token, a secret or text from the token server, except an error code.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from rjsite.mail.smtp_errors import (
    TOKEN_BUSY,
    TOKEN_KEY,
    TOKEN_MISSING,
    TOKEN_NOT_TRUSTED,
    TOKEN_REFUSED,
    TOKEN_UNREACHABLE,
    MailFailure,
)
from rjsite.mail.time_limit import shut_down_after
from rjsite.settings import Settings

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, section 2.2
ASSERTION_LIFE = 600  # seconds
RENEW_BEFORE_END = 300.0  # seconds, or half the lifetime of a token that lives for less than ten minutes
SHORTEST_LIFE = 300.0  # seconds; the assumed lifetime of a token if the server does not give one
LARGEST_ANSWER = 65_536  # bytes
_REASONS = re.compile(r"AADSTS\d{4,7}")  # Microsoft's error numbers tell an administrator what to do
_ERRORS = ("invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "invalid_grant")
_TOKEN = re.compile(r"[\x21-\x7e]+")  # without spaces and control characters, which end a token in XOAUTH2


@dataclass(slots=True)
class Token:
    """An access token from the token server.

    Attributes:
        renew_at: when to replace the token, as a value of the clock of its `TokenSource`.
        has_worked: whether the mail server has accepted it.
    """

    value: str = field(repr=False)
    renew_at: float
    has_worked: bool = False


class TokenSource:
    """Gets tokens from the token server named in the settings and keeps the newest one.

    It needs no lock, because the gate lets one thread sign in at a time.

    Args:
        settings: the settings of the token server and of the client.
        clock: returns the seconds of a clock that never goes backwards.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._token: Token | None = None

    def current(self, within: float) -> Token:
        """Return the current token, or a new one if there is none or it is about to expire.

        Args:
            within: seconds after which to give up.

        Raises:
            MailFailure: if the token server does not return a token.
        """
        if not self._token or self._clock() >= self._token.renew_at:
            self._token = None
            self._token = self._get(within)
        return self._token

    def forget(self) -> None:
        """Forget the current token, which the mail server refused."""
        self._token = None

    def _get(self, within: float) -> Token:
        status, body = _post(self._settings, self._request(), within)
        if status != 200:
            raise MailFailure(_refusal(status, body))
        answer = _json_object(body)
        value = answer.get("access_token")
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise MailFailure(TOKEN_MISSING)
        life = _seconds(answer.get("expires_in"))
        return Token(value, self._clock() + life - min(RENEW_BEFORE_END, life / 2))

    def _request(self) -> dict[str, str]:
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.mail_oauth_client_id,
            "scope": settings.mail_oauth_scope,
        }
        if not settings.mail_oauth_client_key:
            return form | {"client_secret": settings.mail_oauth_client_secret.get_secret_value()}
        assertion = client_assertion(settings)
        return form | {"client_assertion_type": JWT_BEARER, "client_assertion": assertion}


def client_assertion(settings: Settings) -> str:
    """Return a signed JWT that proves the identity of the client (RFC 7523, section 3).

    The header identifies the certificate by its SHA-256 digest, which Microsoft requires for PS256.

    Raises:
        MailFailure: if the file can no longer be used, for example while somebody replaces it.
    """
    assert settings.mail_oauth_client_key  # noqa: S101 - the caller looks
    try:
        pem = settings.mail_oauth_client_key.read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        thumbprint = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    except (OSError, ValueError):
        raise MailFailure(TOKEN_KEY) from None
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - the settings were checked at the start
    now, client = int(time.time()), settings.mail_oauth_client_id
    header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _base64url(thumbprint)}
    claims = {
        "aud": settings.mail_oauth_token_url,
        "iss": client,
        "sub": client,
        "jti": str(uuid.uuid4()),
        "nbf": now - 60,  # the server's clock may be slow
        "exp": now + ASSERTION_LIFE,
    }
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return f"{signed}.{_base64url(key.sign(signed.encode(), pss, hashes.SHA256()))}"


def _post(settings: Settings, form: dict[str, str], within: float) -> tuple[int, bytes]:
    """Post a form to the token server and return the status and body. Redirects are not followed."""
    url = urlsplit(settings.mail_oauth_token_url)
    timeout = min(settings.mail_timeout, within)
    # without a port, http.client would take the end of an IPv6 address for one
    connection = HTTPConnection(url.hostname or "", url.port or HTTP_PORT, timeout=timeout)
    if url.scheme == "https":
        context = ssl.create_default_context()
        if settings.mail_ca_file:
            context.load_verify_locations(settings.mail_ca_file)
        port = url.port or HTTPS_PORT
        connection = HTTPSConnection(url.hostname or "", port, timeout=timeout, context=context)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    path = url.path + (f"?{url.query}" if url.query else "")
    connected: Any = None
    time_limit = shut_down_after(within, lambda: connected)
    try:
        connection.connect()
        connected = connection.sock  # the connection drops its socket when the response begins
        connection.request("POST", path or "/", urlencode(form), headers)
        with connection.getresponse() as response:
            return response.status, response.read(LARGEST_ANSWER)
    except ssl.SSLCertVerificationError:
        raise MailFailure(TOKEN_NOT_TRUSTED) from None
    except (HTTPException, OSError, ValueError):  # a chunk with a negative length is a ValueError
        raise MailFailure(TOKEN_UNREACHABLE) from None
    finally:
        time_limit.cancel()
        connection.close()


def _refusal(status: int, body: bytes) -> str:
    """Return the failure for a status other than 200. If the request was refused, a code gives the reason.

    The failure has at most 40 characters, the length of the database column.
    """
    if status == 429 or status >= 500:
        return TOKEN_BUSY
    answer = _json_object(body)
    reasons = _REASONS.findall(str(answer.get("error_description")))
    reasons += [code for code in _ERRORS if code == answer.get("error")]
    return f"{TOKEN_REFUSED} ({reasons[0] if reasons else status})"


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(value: object) -> float:
    """Return the lifetime of a token in seconds, at most a day. Some servers send the number as text."""
    try:
        return max(0.0, min(float(str(value)), 86_400.0))
    except ValueError:
        return SHORTEST_LIFE


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
