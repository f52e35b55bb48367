"""Reads the settings from the environment and the settings file (docs/settings-file.md)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

PREFIX = "RJSITE_"
FILE = f"{PREFIX}SETTINGS_FILE"
BESIDE = ("HOST", "PORT", "KEEP_DAYS", "BACKUP_TARGET")  # used by commands and by the scripts in deploy/
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Invisible characters that pasting can add: spaces of any width, text direction marks and control characters
_UNSEEN = "".join(map(chr, (*range(33), *range(127, 161), *range(0x2000, 0x2010), *range(0x2028, 0x2030))))
_UNSEEN += "\u00ad\u205f\u2060\u3000\ufeff"


@dataclass(frozen=True)
class Given:
    """The values that were set, by name in upper case, and the faults in how they were set."""

    values: dict[str, str]
    faults: list[str]


def trimmed(text: str) -> str:
    """Return a text without spaces and other invisible characters at its ends."""
    return text.strip(_UNSEEN)


def read_given(known: Collection[str]) -> Given:
    """Return the values that were set. The environment overrides the file; an empty value counts as unset.

    Args:
        known: the names of all settings.
    """
    environment = {name.upper(): value for name, value in os.environ.items() if value}
    file = _read_file(Path(environment[FILE])) if FILE in environment else Given({}, [])
    names = [name for name in os.environ if name.upper().startswith(PREFIX)]
    faults = [*file.faults, *_unknown([*names, *file.values], (*known, FILE, *BESIDE))]
    given = {**file.values, **environment}
    return Given({name: given[name] for name in (*known, *BESIDE) if given.get(name)}, faults)


def _read_file(path: Path) -> Given:
    """Return the values and faults in a file of NAME=value lines. Quotes around a value are removed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        return Given({}, [f"{FILE}: there is no such file, or this user may not read it"])
    except UnicodeError:
        return Given({}, [f"{FILE}: save the file as UTF-8"])
    values: dict[str, str] = {}
    faults = []
    for number, line in enumerate(map(trimmed, text.split("\n")), 1):
        name, equals, value = line.partition("=")
        name, value = trimmed(name).upper(), trimmed(value)
        if not line or line.startswith("#"):
            continue
        if not equals or not _NAME.fullmatch(name):
            faults.append(f"{FILE}: line {number}: write NAME=value, or # before a remark")
        elif "\0" in value:
            faults.append(
                f"{name}: line {number} of the settings file contains a null character; type the line again"
            )
        elif name in values:
            faults.append(f"{name}: it is set twice in the settings file, the second time in line {number}")
        elif len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            values[name] = value[1:-1]
        else:
            values[name] = value
    return Given(values, faults)


def _unknown(names: Collection[str], known: Collection[str]) -> Iterator[str]:
    """Yield a line for each unknown name, because a misspelt setting would silently have no effect."""
    plain = {name.removeprefix(PREFIX): name for name in known}
    for name in dict.fromkeys(name.upper() for name in names):
        if name not in known:
            near = get_close_matches(name.removeprefix(PREFIX), plain, 1)
            hint = f"did you mean {plain[near[0]]}?" if near else "README.md lists them all"
            yield f"{name}: there is no such setting; {hint}"
