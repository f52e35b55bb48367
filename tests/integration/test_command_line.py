"""The program `rjsite`: what it says if it is used wrongly, and how quickly it starts."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from typing import NoReturn

import pytest

from rjsite.cli import main, outbox, serve
from rjsite.server.serve import keep_private
from rjsite.settings import Settings
from support import commands
from support.service import SERVICE


@pytest.mark.parametrize("port", ["x", "-1", "65536", "80 80"])
def test_a_wrong_port_is_named_wherever_it_was_set(monkeypatch, port):
    message = "write a number from 0 to 65535 (here or in PORT)"
    option = commands.run("serve", f"--port={port}")
    monkeypatch.setenv("PORT", port)
    variable = commands.run("serve")

    assert (option.exit_code, variable.exit_code) == (2, 2)
    assert message in option.stderr
    assert message in variable.stderr


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b"])
def test_a_wrong_address_to_listen_on_is_named(monkeypatch, host):
    monkeypatch.setenv("HOST", host)
    result = commands.run("serve")

    assert result.exit_code == 2
    assert "write a name or address of this machine (here or in HOST)" in result.stderr


def test_a_wrong_port_stops_no_other_command(monkeypatch):
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("HOST", "nowhere.invalid")
    result = commands.run("keys", "new")

    assert result.exit_code == 0
    assert "RJSITE_SECRET_KEY=" in result.stdout


def test_an_empty_port_or_host_has_its_default(monkeypatch):
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("HOST", "")

    assert serve.serve.make_context("serve", []).params == {"host": "127.0.0.1", "port": 8000}
    assert serve.staff.make_context("staff", []).params == {"port": 8001}


def test_the_staff_copy_listens_on_this_machine_alone():
    assert commands.run("staff", "--host", "0.0.0.0").exit_code == 2


def test_a_data_folder_on_a_disk_that_became_read_only_stops_no_server(monkeypatch, tmp_path):
    def chmod(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("rjsite.server.serve.os.umask", lambda _: 0)
    monkeypatch.setattr("pathlib.Path.chmod", chmod)

    keep_private(Settings(mode="development", data_dir=tmp_path))


def names(group=main, before=()):
    """Yield the names of every command and group."""
    for name, command in group.commands.items():
        yield (*before, name)
        yield from names(command, (*before, name)) if hasattr(command, "commands") else ()


def test_the_program_has_each_command_that_the_documents_name():
    assert {" ".join(name) for name in names()} == {
        "serve", "staff", "deliver", "mail", "mail check", "publish", "keys", "keys new", "with-settings",
        "check", "consent", "new-story", "release-check", "hide", "update-content", "doctor",
        "outbox", "outbox list", "outbox status", "outbox resend", "outbox export", "outbox purge",
        "outbox rotate",
    }  # fmt: skip


@pytest.mark.parametrize("name", [(), *names()], ids=" ".join)
def test_each_command_explains_itself(name):
    result = commands.run(*name, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(" ".join(["Usage: rjsite", *name]))


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("serve", "--nonsense"), ("outbox",), ("outbox", "export", "ABCD")]
)
def test_a_wrong_use_is_said_without_reading_settings_or_content(monkeypatch, arguments):
    monkeypatch.setenv("RJSITE_MODE", "nonsense")
    monkeypatch.setenv("RJSITE_CONTENT_DIR", "/nonsense")
    result = commands.run(*arguments)

    assert result.exit_code == 2
    assert "Usage: rjsite" in result.stderr


def test_settings_that_cannot_be_used_are_all_named():
    result = commands.run("outbox", "list")

    assert result.exit_code == 2
    assert result.stderr.startswith("The settings cannot be used:\n  Set RJSITE_SECRET_KEY: ")
    assert "\n  Set RJSITE_PUBLIC_URL: " in result.stderr


def test_a_database_that_cannot_be_used_is_named_by_its_kind_of_error_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("RJSITE_MODE", "development")
    monkeypatch.setenv("RJSITE_DATA_DIR", str(tmp_path))
    (tmp_path / "outbox.sqlite3").mkdir()
    result = commands.run("outbox", "list")

    assert result.exit_code == 1
    assert result.stderr.startswith("That did not work: ")
    assert str(tmp_path) not in result.stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    result = commands.run("release-check", "--write", str(tmp_path))

    assert (result.exit_code, result.stderr) == (1, f"That did not work: {tmp_path}: Is a directory.\n")


def test_content_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(tmp_path))
    result = commands.run("release-check")

    assert result.exit_code == 1
    assert "service.toml" in result.stderr


IMPORTED = """
import sys
from contextlib import suppress
from rjsite.cli import main
for arguments, slow in [("--help", "flask"), ("keys new", "flask"), ("check", "sqlalchemy")]:
    with suppress(SystemExit):
        main(arguments.split())
    print(arguments, {slow, "sqlalchemy"} & {*sys.modules}, file=sys.stderr)
"""


def test_a_command_imports_nothing_slow_that_it_does_not_need(content, monkeypatch):
    shutil.copy(SERVICE / "house-rules.toml", content)
    monkeypatch.setenv("RJSITE_CONTENT_DIR", str(content))
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=False)

    assert done.stderr.splitlines() == ["--help set()", "keys new set()", "check set()"]
    assert all(words in done.stdout for words in ("Usage: ", "RJSITE_SECRET_KEY=", "to fix"))


# -- settings from a file ----------------------------------------------------------------------------------


@pytest.fixture
def with_settings(monkeypatch, capfd):
    """Return a function that runs a program with `rjsite with-settings`, in a child process.

    The function returns the exit status, the output and the errors.
    """

    def run_program(*program: str) -> tuple[int, str, str]:
        def instead(file: str, arguments: tuple[str, ...], env: dict[str, str]) -> NoReturn:
            sys.exit(subprocess.run(arguments, executable=file, env=env, check=False).returncode)

        monkeypatch.setattr(os, "execvpe", instead)
        with pytest.raises(SystemExit) as ended:
            main(["with-settings", *program])
        return ended.value.code, *capfd.readouterr()

    return run_program


def test_a_program_run_with_settings_has_each_value_as_it_stands_in_the_file(
    with_settings, tmp_path, monkeypatch
):
    file = tmp_path / "settings"
    value = "a $HOME `b` \\c # \"d\" 'e'"
    file.write_text(f"RJSITE_MAIL_PASSWORD={value}\nPORT=8123\n")
    monkeypatch.setenv("RJSITE_SETTINGS_FILE", str(file))

    assert with_settings("printenv", "RJSITE_MAIL_PASSWORD", "PORT") == (0, f"{value}\n8123\n", "")


def test_a_program_run_with_settings_gets_its_own_options(with_settings):
    assert with_settings("sh", "-c", 'echo "$@"', "sh", "--help", "-x") == (0, "--help -x\n", "")


def test_a_program_does_not_run_with_settings_that_cannot_be_read(with_settings, tmp_path, monkeypatch):
    monkeypatch.setenv("RJSITE_SETTINGS_FILE", str(tmp_path / "none"))

    status, output, errors = with_settings("echo", "ran")

    assert (status, output) == (2, "")
    assert "RJSITE_SETTINGS_FILE: there is no such file" in errors


def test_a_program_that_cannot_be_run_with_settings_is_named():
    result = commands.run("with-settings", "nosuch-program", "x")

    assert (result.exit_code, result.stderr) == (
        1,
        "That did not work: nosuch-program: No such file or directory.\n",
    )


@pytest.mark.parametrize("program", [[], [""], ["", "x"]])
def test_a_program_to_run_with_settings_needs_a_name(program):
    result = commands.run("with-settings", *program)

    assert result.exit_code == 2
    assert result.stderr.endswith("Name a program.\n")


def test_an_export_that_meets_a_full_disk_leaves_no_part_of_an_email(tmp_path, monkeypatch):
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "mail.eml"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            outbox._write_private(file, b"Words.")
    assert not file.exists()

    outbox._write_private(file, b"Words.")

    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"Words.", 0o600)
    with pytest.raises(FileExistsError):
        outbox._write_private(file, b"Other words.")
    assert file.read_bytes() == b"Words."
