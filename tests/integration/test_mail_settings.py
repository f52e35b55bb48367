"""Settings for OAuth and client certificates at the mail server: what cannot work is named."""

from __future__ import annotations

import hmac
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from rjsite.mail.credentials import credentials_digest, expiry_warnings
from rjsite.settings import Settings, SettingsError
from support import commands
from support.readers import make_reader
from support.token_server import client_key

KEY = "kT4vQ8zL1xW6mN3bR9yC2hF7jD5gS0pA"
OAUTH = {
    "RJSITE_MAIL_SERVER": "smtp.office365.com",
    "RJSITE_MAIL_USERNAME": "website@nowhere.example",
    "RJSITE_MAIL_OAUTH_TOKEN_URL": "https://login.example/tenant/oauth2/v2.0/token",
    "RJSITE_MAIL_OAUTH_CLIENT_ID": "0000-1111",
    "RJSITE_MAIL_OAUTH_CLIENT_SECRET": "a~b.c-d_e+f/g=h&i%20",
    "RJSITE_MAIL_OAUTH_SCOPE": "https://outlook.example/.default",
}


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Return a function that loads the OAuth settings with changes. None removes a setting."""

    def settings(**changes: str | None) -> Settings:
        monkeypatch.setenv("RJSITE_MODE", "development")
        monkeypatch.setenv("RJSITE_SECRET_KEY", KEY)
        monkeypatch.setenv("RJSITE_DATA_DIR", str(tmp_path))
        given = {**OAUTH, **{f"RJSITE_MAIL_{name}": value for name, value in changes.items()}}
        for name, value in given.items():
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        return Settings.load()

    return settings


def faults(load, **changes: str | None) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(**changes)
    return raised.value.faults


def test_a_secret_or_a_key_with_its_certificate_is_enough(load, tmp_path):
    file, _ = client_key(tmp_path)

    assert load().mail_oauth_client_secret.get_secret_value() == OAUTH["RJSITE_MAIL_OAUTH_CLIENT_SECRET"]
    assert load(OAUTH_CLIENT_SECRET=None, OAUTH_CLIENT_KEY=str(file)).mail_oauth_client_key == file


@pytest.mark.parametrize("name", ["OAUTH_TOKEN_URL", "OAUTH_CLIENT_ID", "OAUTH_SCOPE", "USERNAME"])
def test_each_setting_that_is_missing_is_named(load, name):
    assert any(line.startswith(f"Set RJSITE_MAIL_{name}:") for line in faults(load, **{name: None}))


@pytest.mark.parametrize("secret", [None, "both"])
def test_neither_or_both_ways_to_prove_who_asks_are_named(load, tmp_path, secret):
    file, _ = client_key(tmp_path)
    changes = {"OAUTH_CLIENT_SECRET": None} if secret is None else {"OAUTH_CLIENT_KEY": str(file)}

    (line,) = faults(load, **changes)

    assert line.startswith("Set either RJSITE_MAIL_OAUTH_CLIENT_SECRET or RJSITE_MAIL_OAUTH_CLIENT_KEY")


def test_a_password_beside_oauth_is_named(load):
    assert faults(load, PASSWORD="hunter2") == [
        "RJSITE_MAIL_PASSWORD: take it out; the site signs in with OAuth"
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example/token",
        "login.example/token",
        "https:///token",
        "https://user@login.example/token",
        "https://login.example/token#part",
        "https://login.example/to ken",
        "https://login.example:0/token",
        "https://[login.example/token",
        "https://[fe80::1%25lo]/token",
        "https://login..example/token",
        f"https://{'a' * 64}.example/token",
    ],
)
def test_a_token_address_that_cannot_work_or_is_not_encrypted_is_named(load, url):
    (line,) = faults(load, OAUTH_TOKEN_URL=url)

    assert line.startswith("RJSITE_MAIL_OAUTH_TOKEN_URL: write the address of the token server")
    assert url not in line


def test_a_token_server_on_this_machine_needs_no_tls(load):
    assert load(OAUTH_TOKEN_URL="http://127.0.0.1:8080/token").mail_oauth_token_url


@pytest.mark.parametrize("what", ["nothing", "no key", "no certificate", "another certificate", "a password"])
def test_a_key_file_that_cannot_be_used_is_named(load, tmp_path, what):
    one, other = make_reader(tmp_path, "one"), make_reader(tmp_path, "other")
    file = tmp_path / "client.pem"
    parts = {
        "no key": [one.certificate],
        "no certificate": [one.key],
        "another certificate": [one.key, other.certificate],
        "a password": [one.certificate],
    }.get(what)
    if parts:
        file.write_bytes(b"".join(part.read_bytes() for part in parts))
    if what == "a password":
        file.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")

    (line,) = faults(load, OAUTH_CLIENT_SECRET=None, OAUTH_CLIENT_KEY=str(file))

    assert line.startswith("RJSITE_MAIL_OAUTH_CLIENT_KEY: name a PEM file with an RSA key")


def test_a_client_certificate_is_checked_with_its_key(load, tmp_path):
    one, other = make_reader(tmp_path, "one"), make_reader(tmp_path, "other")

    assert load(CLIENT_CERT=str(one.certificate), CLIENT_KEY=str(one.key)).mail_client_cert == one.certificate
    for wrong in ({"CLIENT_CERT": str(one.certificate)}, {"CLIENT_KEY": str(other.key)}):
        changes = {"CLIENT_CERT": str(one.certificate), "CLIENT_KEY": None, **wrong}
        (line,) = faults(load, **changes)
        assert line.startswith("RJSITE_MAIL_CLIENT_CERT: this and RJSITE_MAIL_CLIENT_KEY have to name")
    assert faults(load, CLIENT_CERT=None, CLIENT_KEY=str(one.key)) == [
        "Set RJSITE_MAIL_CLIENT_CERT: RJSITE_MAIL_CLIENT_KEY is set"
    ]


def test_other_credentials_of_any_kind_open_the_gate_and_an_upgrade_does_not(load, tmp_path):
    """The credentials of a site with a password have the same digest as before OAuth was supported."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    files = [client_key(tmp_path / name)[0] for name in ("one", "two")]
    digests = {
        credentials_digest(load()),
        credentials_digest(load(OAUTH_CLIENT_SECRET="another")),
        credentials_digest(load(OAUTH_SCOPE="another")),
        *(credentials_digest(load(OAUTH_CLIENT_SECRET=None, OAUTH_CLIENT_KEY=str(f))) for f in files),
    }

    assert len(digests) == 5
    before = files[0].read_bytes()
    with_first = credentials_digest(load(OAUTH_CLIENT_SECRET=None, OAUTH_CLIENT_KEY=str(files[0])))
    files[0].write_bytes(files[1].read_bytes())  # renewed under the same name
    renewed = credentials_digest(load(OAUTH_CLIENT_SECRET=None, OAUTH_CLIENT_KEY=str(files[0])))
    assert (with_first in digests, renewed == with_first) == (True, False)
    assert before != files[0].read_bytes()
    without = {name.removeprefix("RJSITE_MAIL_"): None for name in OAUTH if "OAUTH" in name}
    parts = json.dumps(["smtp.office365.com", 587, "website@nowhere.example", "p"]).encode()
    before_oauth = hmac.new(f"sign-in:{KEY}".encode(), parts, "sha256").hexdigest()
    assert credentials_digest(load(**without, OAUTH_CLIENT_KEY=None, PASSWORD="p")) == before_oauth


# The certificate lasts an hour longer, which may be on the next day.
@pytest.mark.parametrize(("days", "told"), [(10, True), (28, True), (300, False)])
def test_a_certificate_of_ours_that_ends_within_thirty_days_is_told(load, tmp_path: Path, days, told):
    file, certificate = client_key(tmp_path, days=days)
    settings = load(OAUTH_CLIENT_SECRET=None, OAUTH_CLIENT_KEY=str(file))

    lines = expiry_warnings(settings)

    assert bool(lines) is told
    assert all(f"{certificate.not_valid_after_utc:%-d %B %Y}" in line for line in lines)
    assert len(expiry_warnings(settings, certificate.not_valid_after_utc.date() - timedelta(days=5))) == 1


def test_a_team_at_cjsm_without_a_client_certificate_is_named_before_the_release(load, monkeypatch):
    monkeypatch.setenv("RJSITE_TEAM_EMAIL", "team@nowhere.example.cjsm.net")
    for name, value in {
        "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
        "RJSITE_PUBLIC_URL": "https://www.nowhere.example",
        "RJSITE_MAIL_DEFAULT_SENDER": "website@nowhere.example",
    }.items():
        monkeypatch.setenv(name, value)
    load()

    result = commands.run("release-check")

    assert result.exit_code == 1
    assert "RJSITE_TEAM_EMAIL: CJSM accepts mail only from servers" in result.stdout
