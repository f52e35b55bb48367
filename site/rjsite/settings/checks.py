"""Checks the settings together: whether any are missing or inconsistent. No message shows a value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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


def faults_of(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that is missing or does not fit the others or the mode."""
    if settings.production:
        yield from _production_faults(settings)
    yield from mail_faults(settings)


def _production_faults(settings: Settings) -> Iterator[str]:
    """Yield a line for each setting that is missing or not allowed in production."""
    for name, what in NEEDED.items():
        replaced = name == "outbox_keys" and settings.team_certificates  # see Settings.outbox_secrets
        if not getattr(settings, name) and not replaced:
            yield f"Set {settings.name_of(name)}: {what}"
    yield from _folder_faults(settings)
    if os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        yield "FLASK_DEBUG: take it out; debugging shows visitors what the site holds in memory"
    if settings.public_url and not settings.https:
        yield "RJSITE_PUBLIC_URL: begin it with https://"
    if settings.mail_folder:
        yield "RJSITE_MAIL_FOLDER: take it out; in production mail goes to a mail server"
    if settings.ratelimit_forms == "off":
        yield "RJSITE_RATELIMIT_FORMS: “off” is for load tests in development only"


def _folder_faults(settings: Settings) -> Iterator[str]:
    """Yield a line for each folder that is missing or must not be set.

    The folders are not created, because a missing folder probably means that a disk is not mounted.
    """
    if settings.content_repository and "content_dir" in settings.model_fields_set:
        yield "RJSITE_CONTENT_DIR: take it out; the content is that of RJSITE_CONTENT_REPOSITORY"
    elif settings.content_repository and not settings.content_dir.is_dir():
        yield "RJSITE_CONTENT_REPOSITORY: nothing has been fetched yet; run “rjsite update-content”"
    elif not settings.content_dir.is_dir():
        yield "RJSITE_CONTENT_DIR: there is no such folder"
    url = settings.database_url.get_secret_value()
    file = Path(url.partition(":///")[2].partition("?")[0])
    if url.startswith("sqlite") and not file.parent.is_dir():
        yield "RJSITE_DATABASE_URL: there is no such folder"
    if not settings.data_dir.is_dir():
        yield "RJSITE_DATA_DIR: there is no such folder"
