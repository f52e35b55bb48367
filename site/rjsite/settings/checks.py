"""Checks the settings together: whether any are missing or inconsistent. No message shows a value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rjsite.settings.file import PREFIX
from rjsite.settings.mail_checks import mail_faults
from rjsite.settings.value_checks import SECRET_LENGTH

if TYPE_CHECKING:
    from rjsite.settings import Settings

NEEDED = {  # these must be set in production
    "secret_key": f"{SECRET_LENGTH} characters or more; “rjsite keys new” makes one",
    "outbox_keys": "“rjsite keys new” makes one",
    "public_url": "the address of the site, like https://www.example.org",
    "team_email": "who receives the forms",
    "mail_server": "the mail server's name",
    "mail_default_sender": "the address the mail is from",
}


def faults_of(settings: Settings) -> list[str]:
    """Return a line for each setting that is missing or does not fit the others or the mode."""
    return (_production_faults(settings) if settings.production else []) + mail_faults(settings)


def _production_faults(settings: Settings) -> list[str]:
    """Return a line for each setting that is missing or not allowed in production."""
    missing = [name for name in NEEDED if not getattr(settings, name)]
    if settings.team_certificates and "outbox_keys" in missing:  # see Settings.outbox_secrets
        missing.remove("outbox_keys")
    faults = [f"Set {PREFIX}{name.upper()}: {NEEDED[name]}" for name in missing] + _folder_faults(settings)
    if os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        faults.append("FLASK_DEBUG: take it out; debugging shows visitors what the site holds in memory")
    if settings.public_url and not settings.https:
        faults.append(f"{PREFIX}PUBLIC_URL: begin it with https://")
    if settings.mail_folder:
        faults.append(f"{PREFIX}MAIL_FOLDER: take it out; in production mail goes to a mail server")
    if settings.ratelimit_forms == "off":
        faults.append(f"{PREFIX}RATELIMIT_FORMS: “off” is for load tests in development only")
    return faults


def _folder_faults(settings: Settings) -> list[str]:
    """Return a line for each folder that is missing or must not be set.

    The folders are not created, because a missing folder probably means that a disk is not mounted.
    """
    faults = []
    if settings.content_repository and "content_dir" in settings.model_fields_set:
        faults.append(f"{PREFIX}CONTENT_DIR: take it out; the content is that of {PREFIX}CONTENT_REPOSITORY")
    elif settings.content_repository and not settings.content_dir.is_dir():
        faults.append(f"{PREFIX}CONTENT_REPOSITORY: nothing was fetched yet; run “rjsite update-content”")
    elif not settings.content_dir.is_dir():
        faults.append(f"{PREFIX}CONTENT_DIR: there is no such folder")
    url = settings.database_url.get_secret_value()
    file = Path(url.partition(":///")[2].partition("?")[0])
    if url.startswith("sqlite") and not file.parent.is_dir():
        faults.append(f"{PREFIX}DATABASE_URL: there is no such folder")
    if not settings.data_dir.is_dir():
        faults.append(f"{PREFIX}DATA_DIR: there is no such folder")
    return faults
