"""Advice for operators about failures of mail, from advice.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


def advice(failure: str) -> str:
    """Return the advice about a failure, or "" if advice.toml has none."""
    return next((sentence for part, sentence in _sentences().items() if part in failure), "")


@cache
def _sentences() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
