"""A daily run that failed, was interrupted or is overdue is reported to the team and to operators."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from rjsite.encryption.smime import TeamCertificates
from rjsite.services import DAILY_RUN, daily_run_warning, warnings
from rjsite.settings import Settings
from support import commands

HOUR = 60 * 60


def write_result(folder: Path, result: str, hours_ago: float = 0) -> None:
    """Write the file that deploy/daily.sh writes."""
    folder.mkdir(exist_ok=True)
    file = folder / DAILY_RUN
    file.write_bytes(result.encode())
    os.utime(file, (time.time() - hours_ago * HOUR,) * 2)


@pytest.mark.parametrize(
    ("result", "hours_ago", "expected"),
    [
        ("ok\n", 0, None),
        ("ok\n", 25, None),  # the next one may take an hour
        ("ok\n", -3, None),  # the clock was ahead
        ("ok\n", 27, "was last done at "),
        ("failed\n", 0, "failed at "),
        ("interrupted\n", 7, "failed at "),
        ("", 0, "failed at "),  # the disk was full
        ("\0\0\0", 0, "failed at "),  # the power failed
    ],
)
def test_a_daily_run_that_failed_or_is_overdue_has_a_warning(
    tmp_path: Path, result: str, hours_ago: float, expected: str | None
) -> None:
    write_result(tmp_path, result, hours_ago)

    line = daily_run_warning(tmp_path)

    assert expected in line if expected and line else line is None and expected is None


def test_a_machine_without_a_daily_run_has_no_warning(tmp_path: Path) -> None:
    assert daily_run_warning(tmp_path) is None


def test_a_result_that_cannot_be_read_has_a_warning(tmp_path: Path) -> None:
    (tmp_path / DAILY_RUN).mkdir()  # cannot be read either, whoever runs the site

    assert str(tmp_path / DAILY_RUN) in str(daily_run_warning(tmp_path))


def test_the_daily_count_readyz_and_the_outbox_status_have_the_warning(
    client: FlaskClient,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_result(settings.data_dir, "failed\n")
    (line,) = warnings(settings, TeamCertificates(()))  # as in the daily count

    assert line.startswith("the daily run, which publishes the pages and backs up the outbox, failed at ")
    assert f"warning: {line}" in client.get("/readyz").text.splitlines()

    monkeypatch.setenv("RJSITE_MODE", "development")
    monkeypatch.setenv("RJSITE_DATA_DIR", str(settings.data_dir))
    result = commands.run("outbox", "status")
    assert result.exit_code == 1
    assert f"Take care: {line}.\n" in result.stdout
