"""The commands of `rjsite`, run inside the test."""

from __future__ import annotations

from click.testing import CliRunner, Result

from rjsite.cli import main


def run(*arguments: str) -> Result:
    """Run one command; the result has its `exit_code`, `stdout`, `stderr`, and both as `output`."""
    return CliRunner(catch_exceptions=False).invoke(main, arguments)
