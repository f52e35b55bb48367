"""Keeps the keys for development in files, so that nobody has to set them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet
from pydantic import SecretStr

if TYPE_CHECKING:
    from rjsite.settings import Settings

KEY_FILES = {"secret_key": "secret-key", "outbox_keys": "outbox-key"}  # in the data folder


def development_key(file: Path) -> SecretStr:
    """Return the key in a file or, if it cannot be read, a new key. No key is written to the file.

    A Fernet key can serve as an outbox key and as a signing key.
    """
    try:
        return SecretStr(_read(file))
    except (OSError, ValueError):
        return SecretStr(Fernet.generate_key().decode())


def faults_of(settings: Settings) -> Iterator[str]:
    """Yield a line for each file that is needed and contains something other than a key."""
    for field, name in KEY_FILES.items():
        file = settings.data_dir / name
        try:
            if field not in settings.model_fields_set:
                _read(file)
        except ValueError:
            yield f"{file}: there is no usable key in this file; delete it, and the site makes a new one"
        except OSError:  # the file does not exist yet, or `keep_keys` reports why it cannot be read
            continue


def keep_keys(settings: Settings) -> Settings:
    """Return the settings. In development, generated keys are kept in files, so that they survive a restart.

    Two processes that start at the same time both use the keys that were written first.
    """
    if settings.production:
        return settings
    kept = {}
    for field, name in KEY_FILES.items():
        if field not in settings.model_fields_set:
            (key,) = getattr(settings, field)
            kept[field] = (SecretStr(_kept(settings.data_dir / name, key.get_secret_value())),)
    return settings.model_copy(update=kept)


def _kept(path: Path, key: str) -> str:
    """Return the key in a file. If the file does not exist, it is created with the given key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as made:  # mode 0600
            made.write(key)
            made.flush()
            os.fsync(made.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(made.name, path)
    return _read(path)


def _read(file: Path) -> str:
    """Return the key in a file.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it contains no key.
    """
    key = file.read_text().strip()
    Fernet(key)
    return key
