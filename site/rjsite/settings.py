"""Settings from the environment: read once, typed, every fault named at once, no value ever shown.

Facts about the service are content (content/service.toml), not settings.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import ssl
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from rjsite.sealing import load_readers

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "RJSITE_"
SECRET_LENGTH = 32
KEY_FILES = {"secret_key": "secret-key", "outbox_keys": "outbox-key"}  # of development, in the data folder
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# values seen in examples and tutorials; a real key is none of them
_WEAK = re.compile(r"^(.)\1*$|change|example|secret|password|default|development|0123456789|abcdefgh", re.I)
_PUBLISHED = frozenset(
    {
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",  # Flask's manual
        "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=",  # the Fernet specification
    }
)

Listed = Annotated[tuple[str, ...], NoDecode]
SecretList = Annotated[tuple[SecretStr, ...], NoDecode]
Files = Annotated[tuple[Path, ...], NoDecode]


class SettingsError(Exception):
    """The environment cannot be used; holds one line for each thing to set, and no value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    """What the environment says. Names carry the prefix RJSITE_; meanings are in the README."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    mode: Literal["development", "production"] = "production"
    secret_key: SecretList = ()
    outbox_keys: SecretList = ()
    public_url: str = ""
    team_email: Listed = ()
    team_certificates: Files = ()
    mail_server: str = ""
    mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    mail_use_tls: bool = True
    mail_use_ssl: bool = False
    mail_username: str = ""
    mail_password: SecretStr = SecretStr("")
    mail_default_sender: str = ""
    mail_ca_file: Path | None = None
    mail_timeout: Annotated[float, Field(gt=0, le=120)] = 10
    mail_folder: Path | None = None
    database_url: SecretStr = SecretStr("")
    data_dir: Path = ROOT / "var"
    ratelimit_storage_uri: SecretStr = SecretStr("")
    ratelimit_forms: str = "30 per 10 minutes"
    deliver_in_server: bool = True
    deliver_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 25  # Exchange Online takes 30
    hold_hours: Annotated[float, Field(ge=0, le=72)] = 24
    daily_count: bool = True
    outbox_max_waiting: Annotated[int, Field(ge=1)] = 10_000
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    content_dir: Path = ROOT / "content"

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment; `given` wins over it.

        Raises:
            SettingsError: with one line for each setting that is missing or cannot be used.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            faults = [_fault(fault) for fault in error.errors()]
            bad = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
        raise SettingsError(faults + cls._further_faults(bad, given))

    @classmethod
    def _further_faults(cls, bad: set[str], given: dict[str, Any]) -> list[str]:
        """What is amiss beside the fields that could not be read, so that one start names it all."""
        if not bad:
            return []
        try:
            cls(**{**given, **{name: cls.model_fields[name].default for name in bad}})
        except ValidationError as error:
            lines = "\n".join(_fault(fault) for fault in error.errors()).splitlines()
            return [line for line in lines if not any(f"{PREFIX}{name.upper()}" in line for name in bad)]
        return []

    @field_validator("secret_key", "outbox_keys", "team_email", "team_certificates", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("team_email", "mail_default_sender")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        for address in value if isinstance(value, tuple) else (value,):
            plain = address.isascii() and re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", address)
            if address and not plain:  # beyond ASCII, few servers take an address (RFC 6531)
                raise ValueError("write plain email addresses, like team@example.org")
        return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value

    @field_validator("mail_server")
    @classmethod
    def _server(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,}", value):
            raise ValueError("write the name alone, like mail.example.org; its port is RJSITE_MAIL_PORT")
        return value

    @field_validator("ratelimit_forms")
    @classmethod
    def _limit(cls, value: str) -> str:
        from limits import parse_many

        if value != "off":
            try:
                nobody = any(limit.amount < 1 for limit in parse_many(value))
            except ValueError:
                nobody = True
            if nobody:
                raise ValueError("write a limit like “30 per 10 minutes”")
        return value

    @field_validator("ratelimit_storage_uri")
    @classmethod
    def _counters(cls, value: SecretStr) -> SecretStr:
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

    @field_validator("outbox_keys")
    @classmethod
    def _fernet(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in value:
            try:
                Fernet(key.get_secret_value())
            except ValueError:
                raise ValueError("a key is not usable; make one with “rjsite keys new”") from None
        return value

    @field_validator("team_certificates")
    @classmethod
    def _certificates(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        for number, file in enumerate(value, 1):
            try:
                load_readers(file)
            except ValueError as error:
                raise ValueError(f"file {number}: {error}") from None
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            return value
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            url = make_url("none://")
        file = url.drivername == "sqlite" and url.database not in (None, "", ":memory:")
        if not file and url.drivername != "postgresql+psycopg":
            raise ValueError("write an address that begins with sqlite:/// or postgresql+psycopg://")
        return value

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str) -> str:
        whole = r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/?"
        try:
            usable = urlsplit(value).port != 0 and re.fullmatch(whole, value, re.I)
        except ValueError:
            usable = None
        if value and not usable:
            raise ValueError("write the address of the site without a path, like https://www.example.org")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _together(self) -> Self:
        faults = list(_production_faults(self)) if self.production else []
        faults += _mail_faults(self)
        for field, name in {} if self.production else KEY_FILES.items():
            if not getattr(self, field):
                object.__setattr__(self, field, (_development_key(self.data_dir / name),))
                self.model_fields_set.discard(field)  # see rjsite.development_keys
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def production(self) -> bool:
        """Whether this is the real site."""
        return self.mode == "production"

    @property
    def https(self) -> bool:
        """Whether people reach the site over https."""
        return self.public_url.startswith("https://")

    @property
    def hosts(self) -> list[str]:
        """The hosts the site answers to."""
        own = urlsplit(self.public_url).hostname
        local = [] if self.production else ["localhost", "127.0.0.1", "[::1]"]
        return [*local, *([own] if own else [])]

    @property
    def secrets(self) -> list[str]:
        """Keys that sign; the first signs, all verify."""
        return [key.get_secret_value() for key in self.secret_key]

    @property
    def outbox_secrets(self) -> list[str]:
        """Fernet keys; the first seals, all open.

        With certificates no such key has to be set. What has to be held because every certificate has
        ended is then sealed with keys made from those that sign.
        """
        if self.outbox_keys:
            return [key.get_secret_value() for key in self.outbox_keys]
        return [
            base64.urlsafe_b64encode(hashlib.sha256(b"outbox:" + key.encode()).digest()).decode()
            for key in self.secrets
        ]

    @property
    def team(self) -> tuple[str, ...]:
        """Who receives the forms."""
        return self.team_email or ("team@localhost",)

    @property
    def sender(self) -> str:
        """Who the mail is from."""
        return self.mail_default_sender or "website@localhost"

    @property
    def folder_for_mail(self) -> Path | None:
        """Where mail is written as files in place of being sent; None where it is sent."""
        return self.mail_folder or (None if self.mail_server else self.data_dir / "mail")

    @property
    def outbox_url(self) -> str:
        """The SQLAlchemy address of the outbox."""
        return (
            self.database_url.get_secret_value() or f"sqlite:///{self.data_dir.absolute() / 'outbox.sqlite3'}"
        )

    @property
    def limits_url(self) -> str:
        """The address of the counters of sent forms, as `limits` reads it."""
        given = self.ratelimit_storage_uri.get_secret_value()
        if given:
            return given
        url = self.database_url.get_secret_value()
        if url and not url.startswith("sqlite"):
            return f"sqlalchemy+{url}"
        return f"sqlalchemy+sqlite:///{self.data_dir.absolute() / 'limits.sqlite3'}"


def _production_faults(settings: Settings) -> list[str]:
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
    if url.startswith("sqlite") and not Path(make_url(url).database or "").parent.is_dir():
        faults.append(f"{PREFIX}DATABASE_URL: there is no such folder")
    if not settings.data_dir.is_dir():
        faults.append(f"{PREFIX}DATA_DIR: there is no such folder")
    return faults


def _mail_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.mail_use_tls and settings.mail_use_ssl:
        faults.append(f"{PREFIX}MAIL_USE_TLS and {PREFIX}MAIL_USE_SSL: set only one of them to true")
    if settings.mail_username and not settings.mail_password.get_secret_value():
        faults.append(f"Set {PREFIX}MAIL_PASSWORD: {PREFIX}MAIL_USERNAME is set")
    plain = not (settings.mail_use_tls or settings.mail_use_ssl)
    if settings.mail_server and plain and settings.mail_server not in LOOPBACK:
        faults.append(
            f"{PREFIX}MAIL_USE_TLS: set it to true; mail leaves unencrypted only to a server on this machine"
        )
    if settings.mail_ca_file:
        try:
            ssl.create_default_context(cafile=settings.mail_ca_file)
        except OSError:  # an ssl.SSLError is one
            faults.append(f"{PREFIX}MAIL_CA_FILE: there is no file of certificates in PEM form here")
    return faults


def _fault(fault: Any) -> str:
    words = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return words
    name = f"{PREFIX}{str(fault['loc'][0]).upper()}"
    return words if words.startswith(("Set ", PREFIX)) else f"{name}: {words}"


def _development_key(file: Path) -> SecretStr:
    """Return a key of development: the one that is kept, or else a new one, which this does not keep.

    A Fernet key serves both as outbox key and as signing key.
    """
    try:
        return SecretStr(file.read_text().strip())
    except OSError:
        return SecretStr(Fernet.generate_key().decode())
