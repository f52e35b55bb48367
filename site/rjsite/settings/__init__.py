"""Settings from the environment: read once, typed, every fault named at once, no value ever shown.

Facts about the service are content (content/service.toml), not settings.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rjsite.settings import checks, mail_checks
from rjsite.settings.file import PREFIX, Given, read_given, trimmed

ROOT = Path(__file__).resolve().parents[3]
KEY_FILES = {"secret_key": "secret-key", "outbox_keys": "outbox-key"}  # of development, in the data folder

SecretList = tuple[SecretStr, ...]
Files = tuple[Path, ...]


class SettingsError(Exception):
    """The environment cannot be used; holds one line for each thing to set, and no value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseModel):
    """What the environment says. Names carry the prefix RJSITE_; meanings are in the README."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    mode: Literal["development", "production"] = "production"
    secret_key: SecretList = ()
    outbox_keys: Annotated[SecretList, AfterValidator(checks.fernet_keys)] = ()
    public_url: Annotated[str, AfterValidator(checks.origin)] = ""
    team_email: tuple[Annotated[str, AfterValidator(checks.email_address)], ...] = ()
    team_certificates: Annotated[Files, AfterValidator(checks.certificates)] = ()
    mail_server: Annotated[str, AfterValidator(checks.host_name)] = ""
    mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    mail_use_tls: bool = True
    mail_use_ssl: bool = False
    mail_username: Annotated[str, AfterValidator(checks.user_name)] = ""
    mail_password: Annotated[SecretStr, AfterValidator(checks.password)] = SecretStr("")
    mail_default_sender: Annotated[str, AfterValidator(checks.email_address)] = ""
    mail_ca_file: Path | None = None
    mail_client_cert: Path | None = None
    mail_client_key: Path | None = None
    mail_oauth_token_url: Annotated[str, AfterValidator(checks.token_url)] = ""
    mail_oauth_client_id: Annotated[str, AfterValidator(checks.user_name)] = ""
    mail_oauth_client_secret: Annotated[SecretStr, AfterValidator(checks.password)] = SecretStr("")
    mail_oauth_client_key: Path | None = None
    mail_oauth_scope: Annotated[str, AfterValidator(checks.user_name)] = ""
    mail_timeout: Annotated[float, Field(gt=0, le=120)] = 10
    mail_folder: Path | None = None
    database_url: Annotated[SecretStr, AfterValidator(checks.database)] = SecretStr("")
    data_dir: Path = ROOT / "var"
    ratelimit_storage_uri: Annotated[SecretStr, AfterValidator(checks.store_of_counts)] = SecretStr("")
    ratelimit_forms: Annotated[str, AfterValidator(checks.form_limit)] = "30 per 10 minutes"
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
        """Read the environment and the settings file that it names; `given` wins over both.

        Raises:
            SettingsError: with one line for each setting that is missing or cannot be used.
        """
        found = read_given(cls.names())
        values = {name: found.values[cls.name_of(name)] for name in cls._set_in(found)} | given
        try:
            settings = cls(**values)
        except ValidationError as error:
            faults = [_fault(fault) for fault in error.errors()]
            bad = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
            raise SettingsError(found.faults + faults + cls._further_faults(bad, values)) from None
        if found.faults:
            raise SettingsError(found.faults)
        return settings

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all settings, as they stand in the environment."""
        return [cls.name_of(field) for field in cls.model_fields]

    @classmethod
    def folders(cls) -> tuple[Path, Path]:
        """Return the folders of the content and of the data, also where other settings cannot be used."""
        given = read_given(cls.names()).values
        content, data = (
            Path(trimmed(given.get(cls.name_of(field), "")) or cls.model_fields[field].default)
            for field in ("content_dir", "data_dir")
        )
        return content, data

    @staticmethod
    def name_of(field: str) -> str:
        """Return the name of a setting in the environment."""
        return PREFIX + field.upper()

    @classmethod
    def _set_in(cls, found: Given) -> list[str]:
        return [field for field in cls.model_fields if cls.name_of(field) in found.values]

    @classmethod
    def _further_faults(cls, bad: set[str], values: dict[str, Any]) -> list[str]:
        """What is amiss beside the fields that could not be read, so that one start names it all."""
        if not bad:
            return []
        try:
            cls(**{**values, **{name: cls.model_fields[name].default for name in bad}})
        except ValidationError as error:
            lines = "\n".join(_fault(fault) for fault in error.errors()).splitlines()
            return [line for line in lines if not any(f"{PREFIX}{name.upper()}" in line for name in bad)]
        return []

    @field_validator("secret_key", "outbox_keys", "team_email", "team_certificates", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(dict.fromkeys(part for part in map(trimmed, value.split(",")) if part))  # each once
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _trim(cls, value: Any, info: ValidationInfo) -> Any:
        """Take off what pasting brings; a password may begin or end with a space."""
        if not isinstance(value, str) or info.field_name == "mail_password":
            return value
        return trimmed(value).lower() if info.field_name == "mode" else trimmed(value)

    @model_validator(mode="after")
    def _together(self) -> Self:
        faults = checks.production_faults(self) if self.production else []
        faults += mail_checks.mail_faults(self)
        for field, name in {} if self.production else KEY_FILES.items():
            if not getattr(self, field):
                object.__setattr__(self, field, (_development_key(self.data_dir / name),))
                self.model_fields_set.discard(field)  # see rjsite.settings.development_keys
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
