"""Keeps the keys for development in files, so that nobody has to set them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pydantic import SecretStr

from rjsite.settings import KEY_FILES, Settings


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
            with contextlib.suppress(FileExistsError):
                os.link(made.name, path)
    return path.read_text().strip()
