"""The settings from the environment and the settings file, with a type for each value.

The site reports all faults when it starts, and no message shows a value. Facts about the service are content
(content/service.toml), not settings.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rjsite.settings import checks, value_checks
from rjsite.settings.development_keys import KEY_FILES, development_key
from rjsite.settings.file import PREFIX, read_given, trimmed

ROOT = Path(__file__).resolve().parents[3]

UserName = Annotated[str, value_checks.unquoted, value_checks.typed]
Password = Annotated[SecretStr, value_checks.typed]
DatabaseURL = Annotated[SecretStr, value_checks.database, value_checks.connectable, value_checks.psycopg]
StorageURI = Annotated[SecretStr, value_checks.limits_storage, value_checks.redis]


class SettingsError(Exception):
    """The settings cannot be used. `faults` has a line for each fault, without values."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseModel):
    """All settings. In the environment their names begin with RJSITE_; README.md says what they mean."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="forbid")

    mode: Literal["development", "production"] = "production"
    secret_key: tuple[Annotated[SecretStr, value_checks.signing_key], ...] = ()
    outbox_keys: tuple[Annotated[SecretStr, value_checks.outbox_key], ...] = ()
    public_url: Annotated[str, value_checks.lower, value_checks.origin, value_checks.bare_origin] = ""
    team_email: tuple[Annotated[str, value_checks.email_address], ...] = ()
    team_certificates: Annotated[tuple[Path, ...], value_checks.certificates] = ()
    mail_server: Annotated[str, value_checks.host_name, value_checks.bare_host] = ""
    mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    mail_use_tls: bool = True
    mail_use_ssl: bool = False
    mail_username: UserName = ""
    mail_password: Password = SecretStr("")
    mail_default_sender: Annotated[str, value_checks.email_address] = ""
    mail_ca_file: Path | None = None
    mail_client_cert: Path | None = None
    mail_client_key: Path | None = None
    mail_oauth_token_url: Annotated[str, value_checks.token_url] = ""
    mail_oauth_client_id: UserName = ""
    mail_oauth_client_secret: Password = SecretStr("")
    mail_oauth_secret_ends: date | None = None
    mail_oauth_client_key: Path | None = None
    mail_oauth_scope: UserName = ""
    mail_timeout: Annotated[float, Field(gt=0, le=120)] = 10
    mail_folder: Path | None = None
    database_url: DatabaseURL = SecretStr("")
    data_dir: Path = ROOT / "var"
    ratelimit_storage_uri: StorageURI = SecretStr("")
    ratelimit_forms: Annotated[str, value_checks.lower, value_checks.form_limit] = "30 per 10 minutes"
    deliver_in_server: bool = True
    deliver_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 25  # Exchange Online accepts at most 30
    hold_hours: Annotated[float, Field(ge=0, le=72)] = 24
    daily_count: bool = True
    outbox_max_waiting: Annotated[int, Field(ge=1)] = 10_000
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    content_dir: Path = ROOT / "content"
    backup_dir: Path = Path("/var/backups/rjsite")
    content_repository: Annotated[str, value_checks.repository] = ""
    repository_url: Annotated[str, value_checks.project, value_checks.bare_project] = ""

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Return the settings from the environment and the settings file that the environment names.

        Args:
            given: settings that override both.

        Raises:
            SettingsError: with a line for each fault in the settings.
        """
        settings, faults = cls.read(**given)
        if faults:
            raise SettingsError(faults)
        return settings

    @classmethod
    def read(cls, **given: Any) -> tuple[Self, list[str]]:
        """Return the settings, with defaults for those that cannot be used, and a line for each fault."""
        read = read_given(cls.names())
        set_here = {field: read.values.get(cls.name_of(field)) for field in cls.model_fields}
        values = {field: value for field, value in set_here.items() if value is not None} | given
        faults, unusable = list(read.faults), set()
        try:
            settings = cls(**values)
        except ValidationError as error:
            for fault in error.errors():
                name = cls.name_of(str(fault["loc"][0]))
                unusable.add(name)
                faults.append(f"{name}: {fault['msg'].removeprefix('Value error, ')}")
            faults = list(dict.fromkeys(faults))  # all unusable values of a list have the same fault
            # The usable settings are also checked together, with defaults for the unusable ones, so that all
            # faults are reported at the same time.
            settings = cls(**{field: values[field] for field in values if cls.name_of(field) not in unusable})
        faults += [line for line in checks.faults_of(settings) if not any(name in line for name in unusable)]
        return settings, faults

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all settings in the environment."""
        return [cls.name_of(field) for field in cls.model_fields]

    @classmethod
    def folders(cls) -> tuple[Path, Path]:
        """Return the content folder and the data folder, even if other settings cannot be used."""
        settings, _ = cls.read()
        return settings.content_dir, settings.data_dir

    @staticmethod
    def name_of(field: str) -> str:
        """Return the name of a setting in the environment."""
        return PREFIX + field.upper()

    @field_validator("secret_key", "outbox_keys", "team_email", "team_certificates", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            # `dict.fromkeys` removes duplicates and keeps the order.
            return tuple(dict.fromkeys(part for part in map(trimmed, value.split(",")) if part))
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _trim(cls, value: Any, info: ValidationInfo) -> Any:
        """Trim a value, except the mail password, which may begin or end with a space."""
        if not isinstance(value, str) or info.field_name == "mail_password":
            return value
        return trimmed(value).lower() if info.field_name == "mode" else trimmed(value)

    @model_validator(mode="after")
    def _add_development_keys(self) -> Self:
        for field, name in {} if self.production else KEY_FILES.items():
            if not getattr(self, field):
                object.__setattr__(self, field, (development_key(self.data_dir / name),))
                self.model_fields_set.discard(field)  # see rjsite.settings.development_keys
        return self

    @model_validator(mode="after")
    def _read_merged_content(self) -> Self:
        """Use the fetched content if a content repository, but no content folder, is set."""
        if self.content_repository and "content_dir" not in self.model_fields_set:
            object.__setattr__(self, "content_dir", self.data_dir / "content")
        return self

    @property
    def production(self) -> bool:
        """Return whether the site runs in production."""
        return self.mode == "production"

    @property
    def https(self) -> bool:
        """Return whether people reach the site over HTTPS."""
        return self.public_url.startswith("https://")

    @property
    def hosts(self) -> list[str]:
        """Return the host names that the site accepts."""
        own = urlsplit(self.public_url).hostname
        local = [] if self.production else ["localhost", "127.0.0.1", "[::1]"]
        return [*local, *([own] if own else [])]

    @property
    def secrets(self) -> list[str]:
        """Return the signing keys: the first one signs form tokens, and all verify them."""
        return [key.get_secret_value() for key in self.secret_key]

    @property
    def outbox_secrets(self) -> list[str]:
        """Return the Fernet keys of the outbox: the first one encrypts, and all decrypt.

        If the team has certificates, no outbox key has to be set. Keys derived from
        the signing keys then encrypt each body that is not an S/MIME envelope.
        """
        if self.outbox_keys:
            return [key.get_secret_value() for key in self.outbox_keys]
        return [
            base64.urlsafe_b64encode(hashlib.sha256(b"outbox:" + key.encode()).digest()).decode()
            for key in self.secrets
        ]

    @property
    def team(self) -> tuple[str, ...]:
        """Return the addresses that receive the forms."""
        return self.team_email or ("team@localhost",)

    @property
    def sender(self) -> str:
        """Return the address that mail is sent from."""
        return self.mail_default_sender or "website@localhost"

    @property
    def folder_for_mail(self) -> Path | None:
        """Return the folder to which mail is written as files, or None if mail is sent."""
        return self.mail_folder or (None if self.mail_server else self.data_dir / "mail")

    @property
    def outbox_url(self) -> str:
        """Return the URL of the outbox for SQLAlchemy."""
        return (
            self.database_url.get_secret_value() or f"sqlite:///{self.data_dir.absolute() / 'outbox.sqlite3'}"
        )

    @property
    def limits_url(self) -> str:
        """Return the URL of the rate limit storage for the `limits` package."""
        given = self.ratelimit_storage_uri.get_secret_value()
        if given:
            return given
        url = self.database_url.get_secret_value()
        if url and not url.startswith("sqlite"):
            return f"sqlalchemy+{url}"
        return f"sqlalchemy+sqlite:///{self.data_dir.absolute() / 'limits.sqlite3'}"
