"""Reading the settings writes, connects and starts nothing, seen from an audit hook in another process."""

from __future__ import annotations

import json
import subprocess
import sys

from support.readers import make_reader
from support.service import SERVICE
from support.site_process import production_settings

WATCH = """
import json, os, sys, threading, time

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EFFECTS = ("socket.", "sqlite3.", "subprocess.", "os.mkdir", "os.rename", "os.remove", "os.chmod", "os.link")

def note(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    if writes or event.startswith(EFFECTS):
        print(event, *arguments)

def start(thread, begin=threading.Thread.start):
    print("thread", thread.name)
    begin(thread)

sys.addaudithook(note)
threading.Thread.start = start
from rjsite.settings import Settings, SettingsError
time.time = lambda: print("clock")
for environment in json.loads(sys.argv[1]) * 2:
    os.environ.clear()
    os.environ.update(environment)
    try:
        Settings.load()
    except SettingsError as error:
        print(error)
"""
STORES = {
    "files": {},
    "postgresql": {"DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/none"},
    "redis": {"RATELIMIT_STORAGE_URI": "redis://127.0.0.1:9"},
    "memory": {"RATELIMIT_STORAGE_URI": "memory://"},
}


def test_reading_settings_only_reads(tmp_path):
    certificate = str(make_reader(tmp_path, "one").certificate)
    data, new = tmp_path / "data", tmp_path / "new"
    data.mkdir()
    development = {"MODE": "development", "DATA_DIR": str(new), "SECRET_KEY": "", "OUTBOX_KEYS": ""}
    files = {"TEAM_CERTIFICATES": certificate, "MAIL_CA_FILE": certificate}
    sites = [development, *({"DATA_DIR": str(data), **store} for store in STORES.values())]
    production = production_settings(SERVICE)
    environments = [
        production | {f"RJSITE_{name}": value for name, value in {**files, **site}.items()} for site in sites
    ]

    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCH, json.dumps(environments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    assert not new.exists()
