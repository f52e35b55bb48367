"""The program `rjsite`, used wrongly: it says what to write, and never shows a traceback."""

from __future__ import annotations

import subprocess

import pytest

from rjsite.cli import main
from support.site_process import RJSITE


def ended(*arguments: str) -> int:
    """The exit status of a command that ends at its arguments."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(str(end.value.code))


@pytest.mark.parametrize("port", ["x", "-1", "65536", "80 80"])
def test_a_port_that_is_none_is_named_as_one(monkeypatch, capsys, port):
    monkeypatch.setenv("PORT", port)

    assert ended("serve") == 2
    assert "write a number from 0 to 65535 (or set PORT to one)" in capsys.readouterr().err
    assert ended("serve", f"--port={port}") == 2


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b"])
def test_an_address_that_is_none_is_named_as_one(monkeypatch, capsys, host):
    monkeypatch.setenv("HOST", host)

    assert ended("serve") == 2
    assert "there is no such address (or set HOST to one)" in capsys.readouterr().err


def test_a_port_that_is_none_keeps_no_other_command_from_its_work(monkeypatch, capsys):
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("HOST", "nowhere.invalid")

    assert main(["keys", "new"]) == 0
    assert "RJSITE_SECRET_KEY=" in capsys.readouterr().out


def test_an_empty_port_or_host_is_as_none_set(monkeypatch):
    from rjsite.cli import _parser

    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("HOST", "")
    given = _parser().parse_args(["serve"])

    assert (given.host, given.port) == ("127.0.0.1", 8000)


# -- settings from a file ----------------------------------------------------------------------------------


def test_a_program_run_with_settings_has_each_value_as_it_stands_in_the_file(tmp_path, monkeypatch):
    file = tmp_path / "settings"
    value = "a $HOME `b` \\c # \"d\" 'e'"
    file.write_text(f"RJSITE_MAIL_PASSWORD={value}\nPORT=8123\n")
    monkeypatch.setenv("RJSITE_SETTINGS_FILE", str(file))

    done = subprocess.run(
        [*RJSITE, "with-settings", "printenv", "RJSITE_MAIL_PASSWORD", "PORT"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, f"{value}\n8123\n")


def test_a_program_does_not_run_with_settings_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("RJSITE_SETTINGS_FILE", str(tmp_path / "none"))

    done = subprocess.run(
        [*RJSITE, "with-settings", "echo", "ran"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "RJSITE_SETTINGS_FILE: there is no such file" in done.stderr
