"""A daily run that failed, broke off or is overdue is told to the team, to who watches and to who asks."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from rjsite import daily_run
from rjsite.encryption.smime import TeamCertificates
from rjsite.services import warnings
from rjsite.settings import Settings
from support import commands

HOUR = 60 * 60


def ended(folder: Path, words: str, hours_ago: float = 0) -> None:
    """Leave what deploy/daily.sh leaves."""
    folder.mkdir(exist_ok=True)
    file = folder / daily_run.RESULT
    file.write_bytes(words.encode())
    os.utime(file, (time.time() - hours_ago * HOUR,) * 2)


@pytest.mark.parametrize(
    ("words", "hours_ago", "said"),
    [
        ("ok\n", 0, None),
        ("ok\n", 25, None),  # the next one may take an hour
        ("ok\n", -3, None),  # a clock that was ahead
        ("ok\n", 27, "was last done at "),
        ("failed\n", 0, "failed at "),
        ("broken off\n", 7, "failed at "),
        ("", 0, "failed at "),  # no room on the disk
        ("\0\0\0", 0, "failed at "),  # the power failed
    ],
)
def test_a_daily_run_that_failed_or_is_overdue_is_told(
    tmp_path: Path, words: str, hours_ago: float, said: str | None
) -> None:
    ended(tmp_path, words, hours_ago)

    line = daily_run.warning(tmp_path)

    assert said in line if said and line else line is None and said is None


def test_where_there_is_no_daily_run_nothing_is_told(tmp_path: Path) -> None:
    assert daily_run.warning(tmp_path) is None


def test_the_team_who_watches_and_who_asks_hear_of_it(
    client: FlaskClient,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended(settings.data_dir, "failed\n")
    (line,) = warnings(settings, TeamCertificates(()))  # what the daily count says to the team

    assert line.startswith("the daily run, which publishes the pages and backs up the outbox, failed at ")
    assert f"warning: {line}" in client.get("/readyz").text.splitlines()

    monkeypatch.setenv("RJSITE_MODE", "development")
    monkeypatch.setenv("RJSITE_DATA_DIR", str(settings.data_dir))
    result = commands.run("outbox", "status")
    assert result.exit_code == 1
    assert f"Take care: {line}.\n" in result.stdout
