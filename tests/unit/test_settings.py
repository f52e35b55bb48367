"""Settings: what the environment must say, what is refused, and that no value is ever shown."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import traceback
from pathlib import Path

import pytest

from rjsite.settings import Settings, SettingsError
from rjsite.settings.development_keys import keep_keys
from support import commands
from support.readers import make_reader

KEY = "q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o"
PRODUCTION = {
    "RJSITE_SECRET_KEY": KEY,
    "RJSITE_OUTBOX_KEYS": base64.urlsafe_b64encode(hashlib.sha256(KEY.encode()).digest()).decode(),
    "RJSITE_PUBLIC_URL": "https://www.nowhere.example",
    "RJSITE_TEAM_EMAIL": "team@nowhere.example",
    "RJSITE_MAIL_SERVER": "mail.nowhere.example",
    "RJSITE_MAIL_DEFAULT_SENDER": "website@nowhere.example",
}


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Return a function that sets a production environment with changes. None removes a setting."""

    def use(**changes: str | None) -> None:
        monkeypatch.setenv("RJSITE_DATA_DIR", str(tmp_path))
        for name, value in {**PRODUCTION, **{f"RJSITE_{n}": v for n, v in changes.items()}}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return use


def faults() -> list[str]:
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    return raised.value.faults


def test_production_starts_with_what_it_needs(environment):
    environment()

    settings = Settings.load()

    assert settings.production
    assert settings.https
    assert settings.hosts == ["www.nowhere.example"]
    assert settings.team == ("team@nowhere.example",)
    assert settings.folder_for_mail is None


def test_an_empty_environment_is_production_and_every_missing_setting_is_named_at_once():
    named = "\n".join(faults())

    assert [name for name in PRODUCTION if f"Set {name}:" not in named] == []


@pytest.mark.parametrize("name", PRODUCTION)
def test_each_missing_setting_is_named_alone(environment, name):
    environment(**{name.removeprefix("RJSITE_"): None})

    assert [fault.partition(":")[0] for fault in faults()] == [f"Set {name}"]


@pytest.mark.parametrize("name", PRODUCTION)
def test_an_empty_setting_is_a_missing_one(environment, name):
    environment(**{name.removeprefix("RJSITE_"): ""})

    assert [fault.partition(":")[0] for fault in faults()] == [f"Set {name}"]


BAD = [
    ("MODE", "prodution"),
    ("SECRET_KEY", KEY[:31]),
    ("SECRET_KEY", f"{KEY},short9X"),
    ("TEAM_CERTIFICATES", "/nowhere/at/all.pem"),
    ("TEAM_CERTIFICATES", str(Path(__file__).parents[2] / "README.md")),
    ("TEAM_EMAIL", "tëam@nowhere.example"),
    ("DATABASE_URL", "mysql://root:hunter2hunter2@db/x"),
    ("DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "postgresql+psycopg2://root:hunter2hunter2@db/x"),
    ("DATABASE_URL", "postgresql+psycopg://root:hunter2@hunter2:hunter2@db.nowhere.example/x"),
    ("DATABASE_URL", "sqlite:////tmp/x?timeout=hunter2"),
    ("DATABASE_URL", "sqlite:////tmp/x?timeout=1&timeout=2"),
    ("DATABASE_URL", "sqlite:////tmp/x?detect_types=hunter2"),
    ("DATABASE_URL", "sqlite:////tmp/x?check_same_thread=hunter2"),
    ("DATABASE_URL", "sqlite://hunter2/tmp/x"),
    ("DATABASE_URL", f"postgresql+psycopg://root@{'hunter2' * 10}.example/x"),
    ("DATABASE_URL", "postgresql+psycopg://root@hunter2..example/x"),
    ("DATABASE_URL", "postgresql+psycopg://root@/x?host=db:1&host=hunter2..example:2"),
    ("DATABASE_URL", "postgresql+psycopg://root@db/x?port=hunter2"),
    ("RATELIMIT_STORAGE_URI", "nostorage://root:hunter2hunter2@host"),
    ("RATELIMIT_STORAGE_URI", "hunter2hunter2"),
    ("RATELIMIT_STORAGE_URI", "redis://"),
    ("RATELIMIT_STORAGE_URI", "redis://me:hunter2@host:hunter2"),
    ("RATELIMIT_STORAGE_URI", "127.0.0.1:6379"),
    ("RATELIMIT_STORAGE_URI", f"redis://{'hunter2' * 10}.example"),
    ("RATELIMIT_STORAGE_URI", "http://[hunter2hunter2"),
    ("DATABASE_URL", f"sqlite:////tmp/{'hunter2' * 40}/x"),
    ("DATA_DIR", "/nowhere/at/all"),
    ("DATA_DIR", "/tmp/" + "hunter2" * 40),
    ("CONTENT_DIR", "/nowhere/at/all"),
    ("CONTENT_DIR", "/tmp/" + "hunter2" * 40),
    ("DAILY_COUNT", "perhaps"),
    ("OUTBOX_KEYS", "not-a-fernet-key"),
    ("OUTBOX_KEYS", f"{PRODUCTION['RJSITE_OUTBOX_KEYS']},kaputt"),
    ("PUBLIC_URL", "http://www.nowhere.example"),
    ("PUBLIC_URL", "https://www.nowhere.example/some/path"),
    ("PUBLIC_URL", "nowhere"),
    ("PUBLIC_URL", "https://www.nowhere.example:port"),
    ("PUBLIC_URL", "https://www.nowhere.example?x=1"),
    ("PUBLIC_URL", "https://www.nowhere.example:99999"),
    ("PUBLIC_URL", "https://[1]"),
    ("REPOSITORY_URL", "github.com/nowhere/website"),
    ("REPOSITORY_URL", "https://github.com/nowhere"),
    ("REPOSITORY_URL", "https://github.com/nowhere/website?x=1"),
    ("MAIL_SERVER", "mail.nowhere.example:587"),
    ("MAIL_SERVER", "smtp://mail.nowhere.example"),
    ("MAIL_SERVER", "mail nowhere"),
    ("TEAM_EMAIL", "Team-Nowhere"),
    ("TEAM_EMAIL", "team@nowhere.example,broken"),
    ("TEAM_EMAIL", "Team <team@elsewhere.example>"),
    ("MAIL_DEFAULT_SENDER", "the website"),
    ("MAIL_PORT", "smtp"),
    ("MAIL_PORT", "70000"),
    ("MAIL_USE_TLS", "perhaps"),
    ("MAIL_USE_TLS", "false"),
    ("MAIL_USE_SSL", "true"),
    ("MAIL_CA_FILE", "/nowhere/at/all.pem"),
    ("MAIL_CA_FILE", str(Path(__file__).parents[2] / "README.md")),
    ("MAIL_TIMEOUT", "-3"),
    ("MAIL_FOLDER", "some-folder"),
    ("RATELIMIT_FORMS", "often"),
    ("RATELIMIT_FORMS", "0 per minute"),
    ("RATELIMIT_FORMS", "off"),
    ("DELIVER_IN_SERVER", "sometimes"),
    ("DELIVER_PER_MINUTE", "0"),
    ("HOLD_HOURS", "73"),
    ("HOLD_HOURS", "-1"),
    ("OUTBOX_MAX_WAITING", "none"),
    ("TRUSTED_PROXIES", "-1"),
]
WORDS_OF_OURS = {
    "sqlite://",
    "redis://",
    "127.0.0.1:6379",
    "true",
    "false",
    "off",
    "0",
    "-1",
    "-3",
    "73",
    "http://www.nowhere.example",
}


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_value_that_cannot_be_used_is_named_and_never_shown(environment, name, value):
    environment(**{name: value})

    with pytest.raises(SettingsError) as raised:
        Settings.load()

    assert [fault for fault in raised.value.faults if f"RJSITE_{name}" not in fault] == []
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
    assert "hunter2" not in shown
    if value not in WORDS_OF_OURS:
        assert [part for part in value.split(",") if part not in PRODUCTION.values() and part in shown] == []


def test_the_keys_that_the_program_makes_can_be_used(environment):
    made = dict(line.split("=", 1) for line in commands.run("keys", "new").stdout.splitlines())
    environment(**{name.removeprefix("RJSITE_"): key for name, key in made.items()})

    settings = Settings.load()

    assert [*settings.secrets, *settings.outbox_secrets] == list(made.values())


def test_bad_and_missing_settings_are_named_together(environment):
    environment(MAIL_PORT="smtp", HOLD_HOURS="100", TEAM_EMAIL=None, SECRET_KEY="short", PUBLIC_URL=None)

    named = "\n".join(faults())

    for name in ("MAIL_PORT", "HOLD_HOURS", "TEAM_EMAIL", "SECRET_KEY", "PUBLIC_URL"):
        assert f"RJSITE_{name}" in named


@pytest.mark.parametrize("name", ["SECRET_KEY", "OUTBOX_KEYS", "TEAM_EMAIL"])
def test_a_list_with_several_bad_values_is_named_once(environment, name):
    environment(**{name: "one,two"})

    assert [fault.partition(":")[0] for fault in faults()] == [f"RJSITE_{name}"]


def test_secrets_do_not_show_in_repr(environment):
    environment(
        MAIL_PASSWORD="hunter2hunter2",
        DATABASE_URL="postgresql+psycopg://me:sesame@db/x",
        RATELIMIT_STORAGE_URI="redis://:sesame@redis",
    )

    settings = Settings.load()

    shown = repr(settings) + str(settings) + settings.model_dump_json()
    hidden = ["hunter2hunter2", "sesame", KEY, PRODUCTION["RJSITE_OUTBOX_KEYS"]]
    assert [value for value in hidden if value in shown] == []


@pytest.mark.parametrize("server", ["localhost", "127.0.0.1", "::1"])
def test_unencrypted_mail_may_go_to_this_machine(environment, server):
    environment(MAIL_SERVER=server, MAIL_USE_TLS="false")

    assert Settings.load().mail_use_tls is False


@pytest.mark.parametrize(
    "server", ["mail.example.org", "127.0.0.1.example.org", "10.0.0.1", "localhost.evil"]
)
@pytest.mark.parametrize("mode", ["development", "production"])
def test_unencrypted_mail_goes_nowhere_else(environment, server, mode, tmp_path):
    environment(MODE=mode, MAIL_SERVER=server, MAIL_USE_TLS="false", DATA_DIR=str(tmp_path))

    assert [fault.partition(":")[0] for fault in faults()] == ["RJSITE_MAIL_USE_TLS"]


def test_several_keys_and_recipients_are_read_in_order(environment):
    environment(SECRET_KEY=f"{KEY}, {KEY[::-1]}", TEAM_EMAIL="one@nowhere.example, two@nowhere.example,")

    settings = Settings.load()

    assert settings.secrets == [KEY, KEY[::-1]]
    assert settings.team == ("one@nowhere.example", "two@nowhere.example")


def test_an_address_that_stands_twice_gets_each_form_once(environment):
    environment(TEAM_EMAIL="one@nowhere.example, two@nowhere.example, one@nowhere.example")

    assert Settings.load().team == ("one@nowhere.example", "two@nowhere.example")


def test_a_name_to_sign_in_with_needs_its_password(environment):
    environment(MAIL_USERNAME="website")

    assert [fault.partition(":")[0] for fault in faults()] == ["Set RJSITE_MAIL_PASSWORD"]


def test_development_needs_no_settings(tmp_path):
    settings = Settings.load(mode="development", data_dir=tmp_path / "var")

    assert settings.folder_for_mail == tmp_path / "var" / "mail"
    assert settings.outbox_url.startswith("sqlite:///")
    assert str(tmp_path) in settings.outbox_url
    assert str(tmp_path) in settings.limits_url
    assert min(map(len, settings.secrets)) >= 32
    assert "localhost" in settings.hosts


def test_the_keys_of_development_outlast_a_restart_and_are_private(tmp_path):
    folder = tmp_path / "var"
    first = keep_keys(Settings.load(mode="development", data_dir=folder))

    second = Settings.load(mode="development", data_dir=folder)

    assert second.secrets == first.secrets
    assert second.outbox_keys == first.outbox_keys
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


def test_processes_that_start_at_once_use_the_same_keys_of_development(tmp_path):
    both = [Settings.load(mode="development", data_dir=tmp_path) for _ in range(2)]

    one, two = map(keep_keys, both)

    assert (one.secrets, one.outbox_secrets) == (two.secrets, two.outbox_secrets)


@pytest.mark.parametrize("name", ["secret-key", "outbox-key"])
@pytest.mark.parametrize("content", [b"", b"hunter2", b"\xff" * 44])
def test_a_key_file_of_development_without_a_usable_key_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(SettingsError) as raised:
        Settings.load(mode="development", data_dir=tmp_path)

    (fault,) = raised.value.faults
    assert fault.startswith(f"{tmp_path / name}: there is no usable key in this file; delete it")
    keys = {"secret_key": KEY, "outbox_keys": PRODUCTION["RJSITE_OUTBOX_KEYS"]}
    assert Settings.load(mode="development", data_dir=tmp_path, **keys).secrets == [KEY]


def test_a_key_of_development_is_on_the_disk_before_its_file_has_a_name(monkeypatch, tmp_path):
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    settings = Settings.load(mode="development", data_dir=tmp_path)
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        keep_keys(settings)
    assert list(tmp_path.iterdir()) == []


def test_keys_that_were_set_are_written_nowhere(environment, tmp_path):
    environment(MODE="development")

    assert keep_keys(Settings.load()).secrets == [KEY]
    environment()
    assert keep_keys(Settings.load()).secrets == [KEY]
    assert list(tmp_path.iterdir()) == []


def test_two_folders_have_keys_of_their_own(tmp_path):
    one, two = (keep_keys(Settings.load(mode="development", data_dir=tmp_path / n)) for n in ("one", "two"))

    assert one.secrets != two.secrets
    assert one.outbox_keys != two.outbox_keys


def test_a_folder_for_mail_keeps_mail_from_leaving_whatever_server_is_named(tmp_path):
    settings = Settings.load(
        mode="development", data_dir=tmp_path, mail_server="mail.nowhere.example", mail_folder=tmp_path / "m"
    )

    assert settings.folder_for_mail == tmp_path / "m"


def test_mail_goes_to_a_server_where_one_is_named(tmp_path):
    settings = Settings.load(mode="development", data_dir=tmp_path, mail_server="mail.example.org")

    assert settings.folder_for_mail is None


def test_counters_share_the_outbox_database_where_it_is_not_sqlite(environment):
    environment(DATABASE_URL="postgresql+psycopg://db/x")

    assert Settings.load().limits_url == "sqlalchemy+postgresql+psycopg://db/x"


def test_with_certificates_no_outbox_key_is_needed(environment, tmp_path):
    environment(OUTBOX_KEYS=None, TEAM_CERTIFICATES=str(make_reader(tmp_path, "one").certificate))

    settings = Settings.load()

    assert len(settings.outbox_secrets) == 1
    assert KEY not in settings.outbox_secrets[0]


def test_a_certificate_that_ended_stops_no_start(environment, tmp_path):
    environment(TEAM_CERTIFICATES=str(make_reader(tmp_path, "one", days=-3).certificate))

    assert len(Settings.load().team_certificates) == 1


@pytest.mark.parametrize(("value", "faulty"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_production_does_not_start_with_debugging(environment, monkeypatch, value, faulty):
    environment()
    monkeypatch.setenv("FLASK_DEBUG", value)

    if faulty:
        assert [fault.partition(":")[0] for fault in faults()] == ["FLASK_DEBUG"]
    else:
        assert Settings.load().production


# -- how settings are given --------------------------------------------------------------------------------


@pytest.fixture
def file(monkeypatch, tmp_path):
    """Return a function that writes these lines to a settings file and sets its path in the environment."""

    def write(*lines: str, ends: str = "\n", encoding: str = "utf-8") -> None:
        path = tmp_path / "settings"
        path.write_bytes(ends.join([f"RJSITE_DATA_DIR={tmp_path}", *lines, ""]).encode(encoding))
        monkeypatch.setenv("RJSITE_SETTINGS_FILE", str(path))

    return write


GIVEN = [f"{name}={value}" for name, value in PRODUCTION.items()]


def test_the_settings_file_is_read_whoever_starts_the_site(file):
    file(*GIVEN, "", "# a remark", "  # another", "RJSITE_MAIL_PORT = 465", "RJSITE_HOLD_HOURS=")

    settings = Settings.load()

    assert (settings.secrets, settings.mail_port, settings.hold_hours) == ([KEY], 465, 24)


MEANT = [
    "$HOME",
    "a$b${c}$(d)`e`",
    "a#b #c",
    'a"b',
    "it's",
    "a\\b\\$c\\n",
    "a b",
    "a=b=",
    "%d%%",
    "'",
    '"',
    "#",
]


@pytest.mark.parametrize("value", MEANT)
def test_a_value_in_the_file_means_itself(file, value):
    file(*GIVEN, "RJSITE_MAIL_USERNAME=website", f"RJSITE_MAIL_PASSWORD={value}")

    assert Settings.load().mail_password.get_secret_value() == value


@pytest.mark.parametrize("value", [*MEANT, " begins and ends with spaces ", '"quoted"'])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_one_pair_of_quotes_around_a_value_is_taken_off(file, value, quote):
    file(*GIVEN, "RJSITE_MAIL_USERNAME=website", f"RJSITE_MAIL_PASSWORD={quote}{value}{quote}")

    assert Settings.load().mail_password.get_secret_value() == value


@pytest.mark.parametrize(
    "given", [{"ends": "\r\n"}, {"encoding": "utf-8-sig"}, {"ends": "\u00a0 \r\n", "encoding": "utf-8-sig"}]
)
def test_what_other_systems_put_into_a_file_does_no_harm(file, given):
    file(*GIVEN, **given)

    assert Settings.load().secrets == [KEY]


def test_the_environment_wins_over_the_file_where_it_says_anything(file, monkeypatch):
    file(*GIVEN, "RJSITE_MAIL_PORT=465", "RJSITE_HOLD_HOURS=3")
    monkeypatch.setenv("RJSITE_MAIL_PORT", "25")
    monkeypatch.setenv("RJSITE_HOLD_HOURS", "")

    settings = Settings.load()

    assert (settings.mail_port, settings.hold_hours) == (25, 3)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("RJSITE_MIAL_PORT=25", "RJSITE_MIAL_PORT: there is no such setting; did you mean RJSITE_MAIL_PORT?"),
        ("MAIL_PORT=25", "MAIL_PORT: there is no such setting; did you mean RJSITE_MAIL_PORT?"),
        ("RJSITE_MAIL_PORT=25\nRJSITE_MAIL_PORT=26", "RJSITE_MAIL_PORT: it is set twice"),
        ("RJSITE_MAIL_PORT=2\0005", "RJSITE_MAIL_PORT: line 8 of the settings file contains"),
        ("RJSITE_MAIL_PORT='\00025'", "RJSITE_MAIL_PORT: line 8 of the settings file contains"),
        ("RJSITE_MAIL_PORT: 25", "line 8: write NAME=value"),
        ("export RJSITE_MAIL_PORT=25", "line 8: write NAME=value"),
        ("hunter2", "line 8: write NAME=value"),
    ],
)
def test_a_line_that_sets_nothing_is_named_with_all_other_faults(file, line, named):
    file(*GIVEN, line, "RJSITE_MAIL_TIMEOUT=hunter2", "RJSITE_SECRET_KEYS=hunter2")

    said = "\n".join(faults())

    assert named in said
    assert "RJSITE_MAIL_TIMEOUT: " in said
    assert "RJSITE_SECRET_KEYS: there is no such setting; did you mean RJSITE_SECRET_KEY?" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("kind", ["missing", "a folder", "not UTF-8"])
def test_a_settings_file_that_cannot_be_read_is_named(environment, monkeypatch, tmp_path, kind):
    environment()
    path = {"missing": tmp_path / "none", "a folder": tmp_path}.get(kind, tmp_path / "file")
    if kind == "not UTF-8":
        path.write_bytes(b"RJSITE_MAIL_PASSWORD=\xff")
    monkeypatch.setenv("RJSITE_SETTINGS_FILE", str(path))

    assert [fault.partition(":")[0] for fault in faults()] == ["RJSITE_SETTINGS_FILE"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RJSITE_TEAM_EMAILS", "did you mean RJSITE_TEAM_EMAIL?"),
        ("RJSITE_TEAM_CERTIFICATE", "did you mean RJSITE_TEAM_CERTIFICATES?"),
        ("rjsite_holdhours", "did you mean RJSITE_HOLD_HOURS?"),
        ("RJSITE_XQZ", "README.md lists them all"),
    ],
)
@pytest.mark.parametrize("value", ["hunter2", ""])
def test_an_unknown_setting_stops_the_start_and_the_nearest_known_one_is_named(
    environment, monkeypatch, name, hint, value
):
    environment()
    monkeypatch.setenv(name, value)

    assert faults() == [f"{name.upper()}: there is no such setting; {hint}"]


ACCEPTED = [
    ("MODE", "Production ", "mode", "production"),
    ("PUBLIC_URL", " HTTPS://WWW.Nowhere.Example/ ", "public_url", "https://www.nowhere.example"),
    ("TEAM_EMAIL", "\u200bone@nowhere.example ,\u00a0two@nowhere.example\ufeff", "team",
     ("one@nowhere.example", "two@nowhere.example")),
    ("MAIL_SERVER", "mail.nowhere.example.", "mail_server", "mail.nowhere.example"),
    ("MAIL_SERVER", "[2001:db8::1]", "mail_server", "2001:db8::1"),
    ("MAIL_SERVER", "\tmail.nowhere.example\r", "mail_server", "mail.nowhere.example"),
    ("MAIL_USE_TLS", "TRUE ", "mail_use_tls", True),
    ("DAILY_COUNT", "False", "daily_count", False),
    ("MAIL_PORT", "\u00a0465 ", "mail_port", 465),
    ("RATELIMIT_STORAGE_URI", " redis://127.0.0.1:6379/ ", "limits_url", "redis://127.0.0.1:6379/"),
    ("SECRET_KEY", f"{KEY}\r\n", "secrets", [KEY]),
    *(
        ("DATABASE_URL", url, "outbox_url", url)
        for url in (
            "sqlite:////tmp/x?timeout=2.5&check_same_thread=false",
            "postgresql+psycopg:///x",
            "postgresql+psycopg://me@[2001:db8::1]:5432/x?sslmode=verify-full",
            "postgresql+psycopg://me@db.nowhere.example./x",
            "postgresql+psycopg://me@/x?host=/run/postgresql",
            "postgresql+psycopg://me@/x?host=one:5432&host=two:5433",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "read", "meant"), ACCEPTED)
def test_a_value_is_read_as_meant_without_what_pasting_adds(environment, name, value, read, meant):
    environment(**{name: value})

    assert getattr(Settings.load(), read) == meant


def test_code_that_misspells_a_setting_is_refused():
    with pytest.raises(SettingsError) as raised:
        Settings.load(mode="development", holdhours=1)

    assert [fault.partition(":")[0] for fault in raised.value.faults] == ["RJSITE_HOLDHOURS"]


CANNOT_WORK = [
    ("MAIL_SERVER", "mail..nowhere.example"),
    ("MAIL_SERVER", "m" * 64 + ".example"),
    ("MAIL_SERVER", "mäil.nowhere.example"),
    ("MAIL_SERVER", '"mail.nowhere.example"'),
    ("MAIL_SERVER", "https://mail.nowhere.example/"),
    ("MAIL_USERNAME", "wébsite"),
    ("MAIL_USERNAME", '"website"'),
    ("MAIL_PASSWORD", "pass\u00a0word"),
    ("MAIL_PASSWORD", "passwörd"),
    ("MAIL_PASSWORD", "password\u200b"),
    ("MAIL_PASSWORD", "pass\nword"),
    ("TEAM_EMAIL", "team@nowhere..example"),
    ("TEAM_EMAIL", "mailto:team@nowhere.example"),
    ("TEAM_EMAIL", '"team@nowhere.example"'),
    ("TEAM_EMAIL", "one@nowhere.example; two@nowhere.example"),
    ("MAIL_DEFAULT_SENDER", "website@nowhere.example."),
    ("MAIL_DEFAULT_SENDER", "web site@nowhere.example"),
    ("MAIL_DEFAULT_SENDER", "w" * 65 + "@nowhere.example"),
    ("PUBLIC_URL", "https://www..nowhere.example"),
    ("PUBLIC_URL", "www.nowhere.example"),
    ("PUBLIC_URL", "https://[2001:db8::1]"),
    ("RATELIMIT_FORMS", "30 per 0 minutes"),
    ("RATELIMIT_FORMS", "30 per 10 minutes; 100/00 days"),
    ("MAIL_TIMEOUT", "10s"),
    ("MAIL_TIMEOUT", "nan"),
]


@pytest.mark.parametrize(("name", "value"), CANNOT_WORK)
def test_what_cannot_work_is_named_at_the_start(environment, name, value):
    environment(**{"MAIL_USERNAME": "website", "MAIL_PASSWORD": "pass", name: value})

    (fault,) = faults()

    assert fault.startswith(f"RJSITE_{name}: ")
    assert value not in fault
