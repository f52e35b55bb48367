"""Checks the values of settings one by one. No message shows a value."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import SecretStr

from rjsite.encryption.smime import load_certificates

SECRET_LENGTH = 32
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")  # RFC 5322, section 3.4.1, without quoted strings
_ORIGIN = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?/*")  # werkzeug trusts no IPv6 address
_PER_NONE = re.compile(r"(?:per|/)\s*0+(?![0-9])", re.IGNORECASE)  # `limits` reads 0 minutes as 1 minute


def _is_host(name: str) -> bool:
    return len(name) <= 253 and all(map(_LABEL.fullmatch, name.split(".")))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def email_address(value: str) -> str:
    """Check an email address. It has to be ASCII, because few servers accept other addresses (RFC 6531)."""
    local, _, host = value.rpartition("@")
    if value and not (len(local) <= 64 and _LOCAL.fullmatch(local) and _is_host(host) and len(value) <= 254):
        raise ValueError("write plain email addresses, like team@example.org, with commas between")
    return value


def host_name(value: str) -> str:
    """Check the host name or IP address of a server, and return it without brackets or a final dot."""
    name = value.removeprefix("[").removesuffix("]").removesuffix(".")
    if value and not (_is_host(name) or _is_ipv6(name)):
        raise ValueError("write the name alone, like mail.example.org; its port is RJSITE_MAIL_PORT")
    return name


def user_name(value: str) -> str:
    """Check a user name, client ID or scope for signing in."""
    if value[:1] in ("'", '"') and value[:1] == value[-1:]:
        raise ValueError("take the quotes out")
    _typed(value)
    return value


def password(value: SecretStr) -> SecretStr:
    """Check a password or client secret for signing in."""
    _typed(value.get_secret_value())
    return value


def _typed(value: str) -> None:
    """Check that smtplib can sign in with a value, which has to be printable ASCII."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError(
            "only letters a to z, digits and plain signs can be used to sign in; pasted text may contain an "
            "invisible character, so type it"
        )


def token_url(value: str) -> str:
    """Check the URL of a token server. The scheme must be https, or http if the host is this machine."""
    try:
        parts = urlsplit(value)
        usable = parts.port != 0 and parts.hostname and not (parts.username or parts.fragment)
    except ValueError:
        usable = False
    safe = usable and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
    if value and not (safe and value.isascii() and value.isprintable() and " " not in value):
        raise ValueError("write the address of the token server, which begins with https://")
    return value


def repository(value: str) -> str:
    """Check the address of a Git repository. Messages show it, so it must not contain a password."""
    remote = r"(?:https://|ssh://(?:[\w.-]+@)?)[^-@\s][^@\s]*\Z"
    local = r"(?:file:///|/|[\w.-]+@[\w.-]+:)[^-\s]\S*\Z"
    if value and not (re.match(remote, value) or re.match(local, value)):
        raise ValueError(
            "write the address of a git repository without a password, like https://git.example.org/site.git "
            "or git@git.example.org:site.git"
        )
    return value


def form_limit(value: str) -> str:
    """Check the limit on forms from each network."""
    from limits import parse_many

    if value.lower() == "off":
        return "off"
    try:
        usable = all(limit.amount > 0 for limit in parse_many(value)) and not _PER_NONE.search(value)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("write a limit like “30 per 10 minutes”")
    return value


def limits_storage(value: SecretStr) -> SecretStr:
    """Check the URL of the rate limit storage without connecting to it."""
    try:
        parts = urlsplit(value.get_secret_value())
        usable = {
            "": not value.get_secret_value(),
            "memory": not parts.netloc,
            "redis": parts.hostname and parts.port != 0,
            "rediss": parts.hostname and parts.port != 0,
            "redis+unix": parts.path,
        }.get(parts.scheme)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("write an address like redis://127.0.0.1:6379, or take it out")
    if parts.scheme.startswith("redis") and find_spec("redis") is None:
        raise ValueError("the package redis is not installed")
    return value


def signing_keys(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Check the length of signing keys."""
    if any(len(key) < SECRET_LENGTH for key in value):
        raise ValueError("a key is too short; “rjsite keys new” makes one")
    return value


def fernet_keys(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Check that keys are Fernet keys."""
    for key in value:
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise ValueError("a key is not usable; make one with “rjsite keys new”") from None
    return value


def certificates(value: tuple[Path, ...]) -> tuple[Path, ...]:
    """Check that mail can be encrypted for the certificates in these files."""
    for number, file in enumerate(value, 1):
        try:
            load_certificates(file)
        except ValueError as error:
            raise ValueError(f"file {number}: {error}") from None
    return value


def database(value: SecretStr) -> SecretStr:
    """Check the URL of a database without connecting to it."""
    if not value:
        return value
    from sqlalchemy import make_url  # slow to import, and most commands do not need it
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):
        url = make_url("none://")
    file = url.drivername == "sqlite" and url.database not in (None, "", ":memory:")
    if not file and url.drivername != "postgresql+psycopg":
        raise ValueError("write an address that begins with sqlite:/// or postgresql+psycopg://")
    if not file and find_spec("psycopg") is None:
        raise ValueError("the package psycopg is not installed")
    return value


def origin(value: str) -> str:
    """Check the URL of the site, and return it in lower case without a final slash."""
    value = value.lower()
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        usable = parts.port != 0 and _ORIGIN.fullmatch(value) and _is_host(host)
    except ValueError:
        usable = False
    if value and not usable:
        raise ValueError("write the address of the site without a path, like https://www.example.org")
    return value.rstrip("/")


def project(value: str) -> str:
    """Check the URL of the project, and return it without a final slash or ".git"."""
    if value and not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+/?", value, re.ASCII):
        raise ValueError("write the address of the project, like https://github.com/example/website")
    return value.rstrip("/").removesuffix(".git")
