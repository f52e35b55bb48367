"""Runs the commands of `rjsite` in the test's own process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from rjsite.cli import main


def run(*arguments: str) -> Result:
    """Run one command. The result has `exit_code`, `stdout` and `stderr`, and both texts as `output`."""
    return CliRunner(catch_exceptions=False).invoke(main, arguments)
