"""Measure the site against a bare Flask "hello" under the same server, in one run: `make bench`.

Every figure is a ratio within this run. Rounds of the site and of what it is compared with alternate, and
the median counts, for machines are noisy. Prints a table and writes var/bench.json.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import yaml
from cryptography.fernet import Fernet

from rjsite.settings import ROOT
from support.many_stories import write_stories
from support.processes import LOOPBACK, free_port, wait_until
from support.visitor import FORM_A, TOKEN

ROUNDS = 5
SECONDS = 1.5
CLIENTS = 4
BARE = """
import sys
from flask import Flask
from waitress import serve
app = Flask("bare")
app.add_url_rule("/", view_func=lambda: "hello")
serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=8, connection_limit=1000, asyncore_use_poll=True)
"""
SITE = [sys.executable, "-P", "-c", "import sys; from rjsite.cli import main; sys.exit(main())", "serve"]


@contextmanager
def running(command: list[str], port: int, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server on a port; stopped at the end."""
    process = subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _answers(port), "the server to answer", 120)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        fetch(port, "/")
    except OSError:
        return False
    return True


def fetch(port: int, path: str, body: str | None = None) -> tuple[int, bytes, int]:
    """Status, body and bytes on the wire of one request, with compression asked for."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    headers = {"Accept-Encoding": "br, gzip"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    read = answer.read()
    head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders()) + 19
    connection.close()
    return answer.status, read, head + len(read)


def rate(port: int, path: str) -> float:
    """Requests a second by a few clients that keep their connections."""
    stop, counts = time.perf_counter() + SECONDS, [0] * CLIENTS

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
        while time.perf_counter() < stop:
            connection.request("GET", path)
            connection.getresponse().read()
            counts[number] += 1
        connection.close()

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(counts) / SECONDS


def submit_rate(port: int) -> float:
    """Forms a second, one after another, each from post to commit; their tokens are fetched beforehand."""
    tokens = []
    for _ in range(40):
        found = TOKEN.search(fetch(port, "/refer/a")[1].decode())
        tokens.append(found[1] if found else "")
    began = time.perf_counter()
    for token in tokens:
        status, _, _ = fetch(port, "/refer/a", urlencode({**FORM_A, "form_token": token}, doseq=True))
        if status != 303:
            raise RuntimeError(f"a form was answered {status}")
    return len(tokens) / (time.perf_counter() - began)


def insert_rate(folder: Path) -> float:
    """Synced SQLite inserts a second on the same disk, one after another."""
    database = sqlite3.connect(folder / "raw.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS t(body BLOB)")
    began = time.perf_counter()
    for _ in range(40):
        database.execute("INSERT INTO t VALUES (?)", (os.urandom(3000),))
    taken = time.perf_counter() - began
    database.close()
    return 40 / taken


def production(folder: Path) -> dict[str, str]:
    """Settings of the real site, with a limit that a measurement does not reach and mail that waits."""
    for name in ("var", "big"):
        (folder / name).mkdir()
    return {
        "RJSITE_MODE": "production",
        "RJSITE_SECRET_KEY": secrets.token_urlsafe(36),
        "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
        "RJSITE_PUBLIC_URL": f"https://{LOOPBACK}",
        "RJSITE_TEAM_EMAIL": "team@example.org",
        "RJSITE_MAIL_SERVER": "localhost",
        "RJSITE_MAIL_DEFAULT_SENDER": "website@example.org",
        "RJSITE_RATELIMIT_FORMS": "1000000 per minute",
        "RJSITE_DELIVER_IN_SERVER": "false",
    }


def in_turn(*measures: Callable[[], float]) -> list[list[float]]:
    """Each measure once a round, in turn, after a round to warm up."""
    for measure in measures:
        measure()
    rounds = [[measure() for measure in measures] for _ in range(ROUNDS)]
    return [list(figures) for figures in zip(*rounds, strict=True)]


def memory(process: subprocess.Popen[bytes]) -> float:
    """Megabytes that a process holds in memory."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def front_matter_seconds(folder: Path) -> float:
    """What reading and parsing the front matter of every story costs by itself."""
    began = time.perf_counter()
    for path in (folder / "case-studies").glob("*.md"):
        yaml.load(path.read_text().split("---\n")[1], Loader=yaml.CBaseLoader)
    return time.perf_counter() - began


def first_visit(port: int, path: str) -> int:
    """Bytes on the wire of a page and all it loads."""
    _, page, total = fetch(port, path)
    loaded = set(re.findall(r"/static/[^\"')]+", page.decode()))
    return total + sum(fetch(port, address)[2] for address in loaded if not address.endswith(".png"))


def main() -> None:
    """Measure everything, print the table, write the file."""
    found: dict[str, dict[str, object]] = {}

    def note(
        name: str, figures: list[float], unit: str, against: list[float] | None = None, what: str = ""
    ) -> None:
        entry: dict[str, object] = {"value": round(statistics.median(figures), 3), "unit": unit}
        entry["spread"] = [round(min(figures), 3), round(max(figures), 3)]
        if against:
            ratios = [one / other for one, other in zip(figures, against, strict=True)]
            entry["ratio_to"] = {what: round(statistics.median(ratios), 3)}
        found[name] = entry
        print(f"{name:12} {entry['value']:>10} {unit:5} {entry.get('ratio_to', '')}", flush=True)

    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        env = production(folder)
        bare_port, port, big_port = free_port(), free_port(), free_port()
        began = time.perf_counter()
        with (
            running([sys.executable, "-c", BARE, str(bare_port)], bare_port),
            running(SITE, port, PORT=str(port), RJSITE_DATA_DIR=str(folder / "var"), **env) as site,
        ):
            start_15 = time.perf_counter() - began
            bare = lambda: rate(bare_port, "/")  # noqa: E731
            story = re.findall(r"/case-studies/[a-z-]+", fetch(port, "/case-studies/")[1].decode())[0]
            for name, path in (("page_rps", "/"), ("story_rps", story), ("form_rps", "/refer/a")):
                figures, against = in_turn(lambda path=path: rate(port, path), bare)  # type: ignore[misc]
                note(name, figures, "1/s", against, "bare_hello")
            figures, against = in_turn(lambda: submit_rate(port), lambda: insert_rate(folder))
            note("submit_rps", figures, "1/s", against, "synced_insert")
            note("start_15", [start_15], "s")
            rss_15 = memory(site)
            note("rss_15", [rss_15], "MB")
            note("weight_home", [float(first_visit(port, "/"))], "bytes")
            note("weight_form", [float(first_visit(port, "/refer/a"))], "bytes")

            content = folder / "content"
            shutil.copytree(ROOT / "content", content)
            write_stories(content, 10_000)
            raw = front_matter_seconds(content)
            began = time.perf_counter()
            with running(
                SITE,
                big_port,
                PORT=str(big_port),
                RJSITE_DATA_DIR=str(folder / "big"),
                RJSITE_CONTENT_DIR=str(content),
                **env,
            ) as big:
                note("start_10000", [time.perf_counter() - began], "s", [raw], "front_matter")
                rss = memory(big)
                found["rss_10000"] = {
                    "value": round(rss, 1),
                    "unit": "MB",
                    "more_than_rss_15": round(rss - rss_15, 1),
                }
                print(f"{'rss_10000':12} {rss:>10.1f} MB    {rss - rss_15:.1f} more than rss_15")
                figures, against = in_turn(
                    lambda: rate(big_port, "/case-studies/"), lambda: rate(port, "/case-studies/")
                )
                note("list_10000", figures, "1/s", against, "list_15")
    path = ROOT / "var" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print("Written to var/bench.json")


if __name__ == "__main__":
    main()
