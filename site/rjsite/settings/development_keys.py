"""The keys of development, made by whatever starts the site, so that nobody has to set any."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pydantic import SecretStr

from rjsite.settings import KEY_FILES, Settings


def keep_keys(settings: Settings) -> Settings:
    """Return the settings with keys that outlast a restart; in development they are kept in files.

    Where two processes start at once, both use the keys of the first.
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
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as made:  # mode 0600
            made.write(key)
            made.flush()
            with contextlib.suppress(FileExistsError):
                os.link(made.name, path)
    return path.read_text().strip()
