"""Checks the values of settings one by one. No message shows a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import IPv6Address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import AfterValidator, SecretStr

from rjsite.encryption.smime import load_certificates

SECRET_LENGTH = 32
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")  # RFC 5322, section 3.4.1, without quoted strings
_ORIGIN = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?/*")  # werkzeug trusts no IPv6 address
_PROJECT = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+/?", re.ASCII)
_REPOSITORY = re.compile(  # without a password, because messages show it
    r"(?:https://|ssh://(?:[\w.-]+@)?)[^-@\s][^@\s]*|(?:file:///|/|[\w.-]+@[\w.-]+:)[^-\s]\S*"
)
_PER_NONE = re.compile(r"(?:per|/)\s*0+(?![0-9])", re.IGNORECASE)  # `limits` reads 0 minutes as 1 minute

Value = TypeVar("Value", str, SecretStr)


def _checked(is_usable: Callable[[str], object], message: str, *, optional: bool = True) -> AfterValidator:
    """Return a validator that refuses unusable values.

    Args:
        is_usable: returns whether a value is usable. A ValueError means that it is not.
        message: says what to write instead.
        optional: whether an empty value is usable too.
    """

    def check(value: Value) -> Value:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        with suppress(ValueError):
            if (optional and not text) or is_usable(text):
                return value
        raise ValueError(message)

    return AfterValidator(check)


lower = AfterValidator(str.lower)


def _is_host(name: str) -> bool:
    return len(name) <= 253 and all(map(_LABEL.fullmatch, name.split(".")))


def _is_email_address(text: str) -> bool:
    """Return whether this is an email address in ASCII. Few servers accept other addresses (RFC 6531)."""
    local, _, host = text.rpartition("@")
    return len(text) <= 254 and len(local) <= 64 and bool(_LOCAL.fullmatch(local)) and _is_host(host)


email_address = _checked(
    _is_email_address, "write plain email addresses, like team@example.org, with commas between"
)


def _bare_host(text: str) -> str:
    """Return a host name or IP address without brackets or a final dot."""
    return text.removeprefix("[").removesuffix("]").removesuffix(".")


def _is_host_or_address(text: str) -> bool:
    """Return whether this is a host name or an IP address, which may have brackets or a final dot."""
    return _is_host(_bare_host(text)) or bool(IPv6Address(_bare_host(text)))


host_name = _checked(
    _is_host_or_address, "write the name alone, like mail.example.org; its port is RJSITE_MAIL_PORT"
)
bare_host = AfterValidator(_bare_host)


def _is_typed(text: str) -> bool:
    """Return whether smtplib can sign in with a text, which has to be printable ASCII."""
    return text.isascii() and text.isprintable()


typed = _checked(
    _is_typed,
    "only letters a to z, digits and plain signs can be used to sign in; pasted text may contain an "
    "invisible character, so type it",
)
unquoted = _checked(lambda text: text[0] != text[-1] or text[0] not in "'\"", "take the quotes out")


def _is_token_url(text: str) -> bool:
    """Return whether this is a URL with the scheme https, or http if the host is this machine."""
    url = urlsplit(text)
    safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)
    host = url.hostname or ""
    usable = _is_host_or_address(host) and "%" not in host and url.port != 0  # % begins an IPv6 zone
    return safe and usable and not (url.username or url.fragment) and _is_typed(text) and " " not in text


token_url = _checked(_is_token_url, "write the address of the token server, which begins with https://")


def _is_origin(text: str) -> bool:
    url = urlsplit(text)
    return bool(_ORIGIN.fullmatch(text)) and _is_host(url.hostname or "") and url.port != 0


origin = _checked(_is_origin, "write the address of the site without a path, like https://www.example.org")
bare_origin = AfterValidator(lambda url: url.rstrip("/"))
repository = _checked(
    _REPOSITORY.fullmatch,
    "write the address of a git repository without a password, like https://git.example.org/site.git or "
    "git@git.example.org:site.git",
)
project = _checked(
    _PROJECT.fullmatch, "write the address of the project, like https://github.com/example/website"
)
bare_project = AfterValidator(lambda url: url.rstrip("/").removesuffix(".git"))
signing_key = _checked(
    lambda key: len(key) >= SECRET_LENGTH, "a key is too short; “rjsite keys new” makes one"
)
outbox_key = _checked(Fernet, "a key is not usable; make one with “rjsite keys new”")


def _is_form_limit(text: str) -> bool:
    from limits import parse_many

    if text == "off":
        return True
    return all(limit.amount > 0 for limit in parse_many(text)) and not _PER_NONE.search(text)


form_limit = _checked(_is_form_limit, "write a limit like “30 per 10 minutes”", optional=False)


def _is_limits_storage(text: str) -> bool:
    url = urlsplit(text)
    at_host = url.hostname and url.port != 0 and _is_host_or_address(url.hostname)
    usable = {"memory": not url.netloc, "redis": at_host, "rediss": at_host, "redis+unix": url.path}
    return bool(usable.get(url.scheme))


limits_storage = _checked(_is_limits_storage, "write an address like redis://127.0.0.1:6379, or take it out")
redis = _checked(
    lambda url: url.startswith("memory") or find_spec("redis"), "the package redis is not installed"
)


def _is_database(text: str) -> bool:
    from sqlalchemy import make_url  # slow to import, and most commands do not need it
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except ArgumentError:
        return False
    file = url.drivername == "sqlite" and url.database not in (None, "", ":memory:")
    return file or url.drivername == "postgresql+psycopg"


database = _checked(_is_database, "write an address that begins with sqlite:/// or postgresql+psycopg://")


def _can_connect(text: str) -> bool:
    """Return whether the driver of a database accepts the host and the options. Nothing connects."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    url = make_url(text)
    try:
        _, options = url.get_dialect()().create_connect_args(url)
    except (ArgumentError, TypeError):  # an option that is given twice is a tuple
        return False
    hosts = options.get("host", "").split(",")
    # the name of a Unix socket begins with / or @
    return all(not host or host[0] in "/@" or _is_host_or_address(host) for host in hosts)


connectable = _checked(_can_connect, "its host, or an option after the question mark, cannot be used")
psycopg = _checked(
    lambda url: url.startswith("sqlite") or find_spec("psycopg"), "the package psycopg is not installed"
)


def _check_certificates(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """Check that mail can be encrypted for the certificates in these files."""
    for number, file in enumerate(files, 1):
        try:
            load_certificates(file)
        except ValueError as error:
            raise ValueError(f"file {number}: {error}") from None
    return files


certificates = AfterValidator(_check_certificates)
