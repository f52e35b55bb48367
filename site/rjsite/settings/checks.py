"""Whether a setting can work: each by itself, and all of them together. No message shows a value."""

from __future__ import annotations

import base64
import os
import re
from importlib.util import find_spec
from ipaddress import IPv6Address
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import SecretStr

from rjsite.encryption.smime import load_certificates
from rjsite.settings.file import PREFIX

if TYPE_CHECKING:
    from rjsite.settings import Settings

SECRET_LENGTH = 32
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# values seen in examples and tutorials; a real key is none of them
_WEAK = re.compile(r"^(.)\1*$|change|example|secret|password|default|development|0123456789|abcdefgh", re.I)
_PUBLISHED = frozenset(
    {
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",  # Flask's manual
        "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=",  # the Fernet specification
    }
)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")  # RFC 5322, section 3.4.1, without quotes
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/*")


def _is_host(name: str) -> bool:
    return len(name) <= 253 and all(map(_LABEL.fullmatch, name.split(".")))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def email_address(value: str) -> str:
    """Check the address of a mailbox. Beyond ASCII, few servers take one (RFC 6531)."""
    local, _, host = value.rpartition("@")
    if value and not (len(local) <= 64 and _LOCAL.fullmatch(local) and _is_host(host) and len(value) <= 254):
        raise ValueError("write plain email addresses, like team@example.org, with commas between")
    return value


def host_name(value: str) -> str:
    """Check the name or address of a server."""
    name = value.removeprefix("[").removesuffix("]").removesuffix(".")
    if value and not (_is_host(name) or _is_ipv6(name)):
        raise ValueError("write the name alone, like mail.example.org; its port is RJSITE_MAIL_PORT")
    return name


def user_name(value: str) -> str:
    """Check a name to sign in with."""
    if value[:1] in ("'", '"') and value[:1] == value[-1:]:
        raise ValueError("take the quotes out")
    _typed(value)
    return value


def password(value: SecretStr) -> SecretStr:
    """Check a password to sign in with."""
    _typed(value.get_secret_value())
    return value


def _typed(value: str) -> None:
    """Check that SMTP can carry it: smtplib signs in with ASCII alone."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError(
            "only letters a to z, digits and plain signs can be used to sign in; what was pasted may hold a "
            "character that nobody sees, so type it"
        )


def token_url(value: str) -> str:
    """Check the address of a token server: https, or http on this machine."""
    try:
        parts = urlsplit(value)
        usable = parts.port != 0 and parts.hostname and not (parts.username or parts.fragment)
    except ValueError:
        usable = False
    safe = usable and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
    if value and not (safe and value.isascii() and value.isprintable() and " " not in value):
        raise ValueError("write the address of the token server, which begins with https://")
    return value


def form_limit(value: str) -> str:
    """Check a limit of forms."""
    from limits import parse_many

    if value.lower() == "off":
        return "off"
    try:
        usable = all(limit.amount > 0 for limit in parse_many(value))
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("write a limit like “30 per 10 minutes”")
    return value


def store_of_counts(value: SecretStr) -> SecretStr:
    """Check the address of a store of counts by its form; nothing is opened."""
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


def fernet_keys(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Check that keys are Fernet keys."""
    for key in value:
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise ValueError("a key is not usable; make one with “rjsite keys new”") from None
    return value


def certificates(value: tuple[Path, ...]) -> tuple[Path, ...]:
    """Check that files hold certificates to which mail can be sealed."""
    for number, file in enumerate(value, 1):
        try:
            load_certificates(file)
        except ValueError as error:
            raise ValueError(f"file {number}: {error}") from None
    return value


def database(value: SecretStr) -> SecretStr:
    """Check the address of a database by its form."""
    if not value.get_secret_value():
        return value
    from sqlalchemy import make_url  # slow to import, and most commands do without
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
    """Check the address of the site."""
    value = value.lower()
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        usable = parts.port != 0 and _ORIGIN.fullmatch(value) and (_is_host(host) or _is_ipv6(host))
    except ValueError:
        usable = False
    if value and not usable:
        raise ValueError("write the address of the site without a path, like https://www.example.org")
    return value.rstrip("/")


def production_faults(settings: Settings) -> list[str]:
    """Return a line for each setting that the real site lacks or may not have."""
    needed = {
        name: why
        for name, why in {
            "secret_key": f"{SECRET_LENGTH} characters or more; “rjsite keys new” makes one",
            "outbox_keys": "“rjsite keys new” makes one",
            "public_url": "the address of the site, like https://www.example.org",
            "team_email": "who receives the forms",
            "mail_server": "the mail server's name",
            "mail_default_sender": "the address the mail is from",
        }.items()
        if not getattr(settings, name)
    }
    if settings.team_certificates:
        needed.pop("outbox_keys", None)
    faults = [f"Set {PREFIX}{name.upper()}: {why}" for name, why in needed.items()]
    faults += [*_key_faults(settings), *_folder_faults(settings)]
    if os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        faults.append("FLASK_DEBUG: take it out; debugging shows visitors what the site holds in memory")
    if settings.public_url and not settings.https:
        faults.append(f"{PREFIX}PUBLIC_URL: begin it with https://")
    if settings.mail_folder:
        faults.append(f"{PREFIX}MAIL_FOLDER: take it out; in production mail goes to a mail server")
    if settings.ratelimit_forms == "off":
        faults.append(f"{PREFIX}RATELIMIT_FORMS: “off” is for load tests in development only")
    return faults


def _key_faults(settings: Settings) -> list[str]:
    faults = []
    if any(
        len(key) < SECRET_LENGTH or len(set(key)) < 10 or _WEAK.search(key) or key in _PUBLISHED
        for key in settings.secrets
    ):
        faults.append(
            f"{PREFIX}SECRET_KEY: a key is too short, or has in it what keys of examples have; "
            "“rjsite keys new” makes one"
        )
    for secret in settings.outbox_keys:
        key = secret.get_secret_value()
        steps = {b - a for a, b in pairwise(base64.urlsafe_b64decode(key))}
        if len(steps) < 10 or key in _PUBLISHED or key in settings.secrets:
            faults.append(
                f"{PREFIX}OUTBOX_KEYS: a key is too well known; “rjsite keys new” makes one for this use"
            )
    return faults


def _folder_faults(settings: Settings) -> list[str]:
    """A folder that is missing is likely a disk that was not mounted: nothing is made in its place."""
    faults = []
    if not settings.content_dir.is_dir():
        faults.append(f"{PREFIX}CONTENT_DIR: there is no such folder")
    url = settings.database_url.get_secret_value()
    file = Path(url.partition(":///")[2].partition("?")[0])
    if url.startswith("sqlite") and not file.parent.is_dir():
        faults.append(f"{PREFIX}DATABASE_URL: there is no such folder")
    if not settings.data_dir.is_dir():
        faults.append(f"{PREFIX}DATA_DIR: there is no such folder")
    return faults
