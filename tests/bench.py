"""Measures the site against the software that it is built on, in one run: `make bench`.

Most targets are ratios within this run, because machines are noisy: after a round to warm up, the site and
its baseline are measured in alternate rounds, and the median of the rounds' ratios counts.
docs/performance.md says what each figure means. The program prints a table and writes var/bench.json and
var/growth.svg.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import yaml
from cryptography.fernet import Fernet

from rjsite.settings import ROOT
from rjsite.web.page_cache import MAX_PAGES
from support.many_stories import write_stories
from support.nginx import Nginx
from support.processes import LOOPBACK, free_port, wait_until
from support.visitor import FORM_A, TOKEN

ROUNDS = 7
SECONDS = 1.0
BROWSER = "gzip, deflate, br"  # what every browser accepts
CLIENTS = 4
SENDERS = 8  # clients that send forms
FORMS = 10  # for each sender in each round
SIZES = (15, 1_000, 3_000, 10_000)  # stories
SERVE = """
serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=8, connection_limit=1000, asyncore_use_poll=True)
"""
HELLO = f"""
import sys
from flask import Flask
from waitress import serve
app = Flask("bare")
app.add_url_rule("/", view_func=lambda: "hello")
{SERVE}
"""
IMPORT = """
import contextlib, importlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
"""
SITE = [sys.executable, "-P", "-c", "import sys; from rjsite.cli import main; sys.exit(main())"]

# for each measurement: what it is compared with, and the smallest ratio allowed
AT_LEAST = {
    "page_rps": ("bare_hello", 1.0),
    "story_rps": ("bare_hello", 1.0),
    "form_rps": ("bare_hello", 0.6),
    "serve_rps": ("bare_hello", 0.8),
    "submit_rps": ("plain_rps", 0.5),
    "page_10000": ("page_15", 1 / 1.2),
    "story_10000": ("story_15", 1 / 1.2),
    "list_10000": ("list_15", 1 / 3),
    "filter_10000": ("filter_15", 1 / 3),
    "published_rps": ("nginx_file", 0.9),
}
START_AT_MOST = 3.0  # times as long as reading the front matter
SMALL_START_AT_MOST = 1.0  # seconds
P95_AT_MOST = 100.0  # milliseconds
IMPORT_AT_MOST = 0.15  # seconds more than the libraries that rjsite.settings imports
CHECK_AT_MOST = 1.5  # seconds
MEMORY_AT_MOST = 120.0  # MB more with 10,000 stories


# -- servers -----------------------------------------------------------------------------------------------


@contextmanager
def running(command: Sequence[str], port: int, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on a port until the end of the block."""
    process = subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(partial(_answers, port), "the server to answer", 120)
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


def production(folder: Path, content: Path) -> dict[str, str]:
    """Return settings for production, with a limit that no measurement reaches. No mail is delivered."""
    data = Path(tempfile.mkdtemp(prefix="data-", dir=folder))
    return {
        "RJSITE_MODE": "production",
        "RJSITE_DATA_DIR": str(data),
        "RJSITE_CONTENT_DIR": str(content),
        "RJSITE_SECRET_KEY": secrets.token_urlsafe(36),
        "RJSITE_OUTBOX_KEYS": Fernet.generate_key().decode(),
        "RJSITE_PUBLIC_URL": f"https://{LOOPBACK}",
        "RJSITE_TEAM_EMAIL": "team@example.org",
        "RJSITE_MAIL_SERVER": "localhost",
        "RJSITE_MAIL_DEFAULT_SENDER": "website@example.org",
        "RJSITE_RATELIMIT_FORMS": "1000000 per minute",
        "RJSITE_DELIVER_IN_SERVER": "false",
        "RJSITE_OUTBOX_MAX_WAITING": "1000000",
    }


@contextmanager
def site(folder: Path, content: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the site in production with this content, and yield its port and process."""
    port = free_port()
    env = production(folder, content)
    with running([*SITE, "serve"], port, PORT=str(port), **env) as process:
        yield port, process


@contextmanager
def development(folder: Path) -> Iterator[int]:
    """Start the site as `make serve` does, and yield its port."""
    port, data = free_port(), tempfile.mkdtemp(prefix="data-", dir=folder)
    settings = {"RJSITE_MODE": "development", "RJSITE_DATA_DIR": data, "RJSITE_MAIL_FOLDER": f"{data}/mail"}
    with running([*SITE, "serve"], port, PORT=str(port), **settings):
        yield port


@contextmanager
def site_with_silent_mail_server(folder: Path, content: Path) -> Iterator[int]:
    """Start the site with a mail server that accepts connections and never replies; yield the site's port."""
    port = free_port()
    with socket.create_server((LOOPBACK, 0)) as silent:
        mail = {"RJSITE_MAIL_PORT": str(silent.getsockname()[1]), "RJSITE_DELIVER_IN_SERVER": "true"}
        settings = {**production(folder, content), **mail}
        with running([*SITE, "serve"], port, PORT=str(port), **settings):
            yield port


# -- clients -----------------------------------------------------------------------------------------------


def fetch(port: int, path: str) -> tuple[bytes, int]:
    """Request a page with compression, and return the body and the size of the response in bytes."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    connection.request("GET", path, headers={"Accept-Encoding": "br, gzip"})
    answer = connection.getresponse()
    body = answer.read()
    head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders()) + 19
    connection.close()
    return body, head + len(body)


def plain(port: int, path: str) -> str:
    """Return the text of one page."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    connection.request("GET", path)
    words = connection.getresponse().read().decode()
    connection.close()
    return words


class Client:
    """One persistent connection, as cheap as Python allows, so that the client is not what is measured."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = socket.create_connection((LOOPBACK, port), timeout=60)
        self.read = b""

    def ask(self, request: bytes) -> None:
        """Send one request or several requests in one go."""
        self.socket.sendall(request)

    def hear(self, status: bytes, times: int = 1) -> None:
        """Read complete responses."""
        for _ in range(times):
            while (end := self.read.find(b"\r\n\r\n") + 4) == 3:
                self.read += self._more()
            head = self.read[:end].lower()
            if not head.startswith(b"http/1.1 " + status):
                raise RuntimeError(f"answered {head[:40]!r}")
            at = head.index(b"content-length: ") + 16
            whole = end + int(head[at : head.index(b"\r", at)])
            while len(self.read) < whole:
                self.read += self._more()
            self.read = self.read[whole:]

    def _more(self) -> bytes:
        found = self.socket.recv(1 << 18)
        if not found:
            raise RuntimeError("the server closed the connection")
        return found


def get(port: int, path: str, accept: str = "") -> bytes:
    """Return a GET request as bytes."""
    extra = f"Accept-Encoding: {accept}\r\n" if accept else ""
    return f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n{extra}\r\n".encode()


def post(port: int, path: str, body: str) -> bytes:
    """Return a POST request with a form as bytes."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"
    ).encode()


def together(work: Callable[[int], int]) -> float:
    """Return how much several clients do per second in parallel.

    Args:
        work: takes the number of a client, and returns how much it did.
    """
    done = [0] * SENDERS

    def go(number: int) -> None:
        done[number] = work(number)

    clients = [threading.Thread(target=go, args=(number,)) for number in range(SENDERS)]
    began = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    taken = time.perf_counter() - began
    if not all(done):
        raise RuntimeError("a client was not answered")
    return sum(done) / taken


def rate(port: int, path: str, accept: str = BROWSER, times: int = 1) -> float:
    """Return the requests per second on a few connections, each with `times` requests in progress.

    One thread sends on all connections and then reads from all, because several threads would slow each other
    down.
    """
    request, clients, count = get(port, path, accept) * times, [Client(port) for _ in range(CLIENTS)], 0
    began = time.perf_counter()
    while time.perf_counter() < began + SECONDS:
        for client in clients:
            client.ask(request)
        for client in clients:
            client.hear(b"200", times)
        count += CLIENTS * times
    return count / (time.perf_counter() - began)


def form_bodies(port: int) -> list[str]:
    """Return the bodies of filled-in forms, each with its own token from the site."""
    tokens = [TOKEN.findall(plain(port, "/refer/a"))[0] for _ in range(FORMS * SENDERS)]
    return [urlencode({**FORM_A, "form_token": token}, doseq=True) for token in tokens]


def submit_rate(port: int) -> float:
    """Return how many forms are sent per second, from the request to the response after the commit."""
    return _send(port, "/refer/a", form_bodies(port))[0]


def plain_rate(port: int) -> float:
    """Return the same for tests/support/plain_form.py."""
    body = urlencode({**FORM_A, "form_token": "x" * 60}, doseq=True)
    return _send(port, "/", [body] * (FORMS * SENDERS))[0]


def submit_p95(port: int) -> float:
    """Return the milliseconds within which 95 of 100 forms get a response."""
    seconds = _send(port, "/refer/a", form_bodies(port))[1]
    return 1000 * statistics.quantiles(seconds, n=20)[-1]


def _send(port: int, path: str, bodies: list[str]) -> tuple[float, list[float]]:
    """Send forms from several clients in parallel; return forms per second, and the seconds for each form."""
    seconds: list[float] = []

    def work(number: int) -> int:
        client, mine = Client(port), bodies[number::SENDERS]
        for body in mine:
            began = time.perf_counter()
            client.ask(post(port, path, body))
            client.hear(b"303")
            seconds.append(time.perf_counter() - began)
        return len(mine)

    return together(work), seconds


def in_turn(*measures: Callable[[], float], rounds: int = ROUNDS) -> list[list[float]]:
    """Take each measurement once a round, in turn, after a round to warm up; return the figures of each."""
    for measure in measures:
        measure()
    found = [[measure() for measure in measures] for _ in range(rounds)]
    return [list(figures) for figures in zip(*found, strict=True)]


# -- figures -----------------------------------------------------------------------------------------------


def memory(process: subprocess.Popen[bytes]) -> float:
    """Return how many MiB of memory a process uses."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def start_seconds(folder: Path, content: Path) -> float:
    """Return the seconds from the command to the first page."""
    began = time.perf_counter()
    with site(folder, content):
        return time.perf_counter() - began


def front_matter_seconds(content: Path) -> float:
    """Return the seconds that reading and parsing the front matter of every story takes by itself."""
    began = time.perf_counter()
    for path in (content / "case-studies").glob("*.md"):
        yaml.load(path.read_text().split("---\n")[1], Loader=yaml.CBaseLoader)
    return time.perf_counter() - began


def first_visit(port: int, path: str) -> float:
    """Return the size in bytes of the responses for a page and everything that it loads."""
    page = plain(port, path)
    loaded = {tag for tag in re.findall(r"<(?:link|script|img)[^>]*>", page) if "og:" not in tag}
    static = {found for tag in loaded for found in re.findall(r'(?:href|src)="(/static/[^"]+)"', tag)}
    css = [fetch_plain for fetch_plain in static if fetch_plain.endswith(".css")]
    static |= {font for sheet in css for font in re.findall(r'url\("(/static/[^"]+)"\)', plain(port, sheet))}
    return float(sum(fetch(port, address)[1] for address in (path, *static)))


class Report:
    """Prints the table line by line, and collects the figures for the file."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, object]] = {}
        self.met = True

    def note(self, name: str, figures: Sequence[float], unit: str, *others: tuple[str, list[float]]) -> float:
        """Print and record one line, and return the ratio to the first of `others`."""
        entry: dict[str, object] = {"value": round(statistics.median(figures), 3), "unit": unit}
        entry["spread"] = [round(min(figures), 3), round(max(figures), 3)]
        ratios = {what: [a / b for a, b in zip(figures, against, strict=True)] for what, against in others}
        entry["ratio_to"] = {what: round(statistics.median(found), 3) for what, found in ratios.items()}
        entry["ratio_spread"] = {what: [round(min(f), 2), round(max(f), 2)] for what, f in ratios.items()}
        self.found[name] = entry
        line = f"{name:18}{entry['value']:>11} {unit:6}"
        line += "".join(
            f" {statistics.median(f):.2f} x {what} ({min(f):.2f} to {max(f):.2f})"
            for what, f in ratios.items()
        )
        print(line, end="", flush=True)
        return statistics.median(next(iter(ratios.values()), [0.0]))

    def judge(self, met: bool, target: str) -> None:
        """End the line with its target."""
        print(f"  target {target}: {'met' if met else 'MISSED'}", flush=True)
        self.met &= met

    def compare(self, name: str, figures: list[list[float]], *more: tuple[str, list[float]]) -> None:
        """Print a line for an entry in AT_LEAST, with its target."""
        what, least = AT_LEAST[name]
        ratio = self.note(name, figures[0], "1/s", (what, figures[1]), *more)
        self.judge(ratio >= least, f"at least {least:.2f}")


def measure_small(report: Report, folder: Path, content: Path) -> float:
    """Compare the site with a minimal Flask app and a plain form, and return its memory in MB."""
    with ExitStack() as servers:
        ports = [free_port(), free_port()]
        servers.enter_context(running([sys.executable, "-c", HELLO, str(ports[0])], ports[0]))
        form = [sys.executable, "-m", "support.plain_form", str(ports[1]), str(folder / "plain.sqlite3")]
        servers.enter_context(running(form, ports[1]))
        port, process = servers.enter_context(site(folder, content))
        story = re.findall(r"/case-studies/[a-z-]+", plain(port, "/case-studies/"))[0]
        for name, path in (("page_rps", "/"), ("story_rps", story), ("form_rps", "/refer/a")):
            report.compare(name, in_turn(partial(rate, port, path), partial(rate, ports[0], "/")))
        served = servers.enter_context(development(folder))
        report.compare("serve_rps", in_turn(partial(rate, served, "/"), partial(rate, ports[0], "/")))
        report.compare("submit_rps", in_turn(partial(submit_rate, port), partial(plain_rate, ports[1])))
        silent = servers.enter_context(site_with_silent_mail_server(folder, content))
        answered, beside_silence = in_turn(partial(submit_p95, port), partial(submit_p95, silent))
        for name, figures in (("submit_p95", answered), ("submit_p95_silent", beside_silence)):
            report.note(name, figures, "ms")
            report.judge(statistics.median(figures) <= P95_AT_MOST, f"at most {P95_AT_MOST:.0f}")
        for name, path, most in (("weight_home", "/", 36 * 1024), ("weight_form", "/refer/a", 40 * 1024)):
            weight = first_visit(port, path)
            report.note(name, [weight], "bytes")
            report.judge(weight <= most, f"at most {most}")
        return memory(process)


def measure_large(report: Report, folder: Path, content: Path, large: Path, rss_15: float) -> None:
    """Compare the site with ten thousand stories to the site with its own stories."""
    with site(folder, content) as (small_port, _), site(folder, large) as (port, process):
        stories = re.findall(r"/case-studies/[a-z-]+", plain(small_port, "/case-studies/"))
        for name, path in (
            ("page_10000", "/"),
            ("story_10000", stories[0]),
            ("list_10000", "/case-studies/"),
            ("filter_10000", "/case-studies/?harm=theft"),
        ):
            report.compare(name, in_turn(partial(rate, port, path), partial(rate, small_port, path)))
        for number in range(MAX_PAGES + 50):
            plain(port, f"/case-studies/story-{number:05}")
        report.note("rss_15", [rss_15], "MB")
        print()
        more = memory(process) - rss_15
        report.note("rss_10000", [memory(process)], "MB")
        report.found["rss_10000"]["more_than_rss_15"] = round(more, 1)
        report.judge(more <= MEMORY_AT_MOST, f"{more:.0f} MB more than rss_15, at most {MEMORY_AT_MOST:.0f}")


def measure_starts(report: Report, folder: Path, content: Path, large: Path) -> None:
    """Measure the time from the command to the first page."""
    begin = partial(start_seconds, folder)
    small, big, raw = in_turn(
        partial(begin, content), partial(begin, large), partial(front_matter_seconds, large), rounds=3
    )
    report.note("start_15", small, "s")
    report.judge(statistics.median(small) <= SMALL_START_AT_MOST, f"at most {SMALL_START_AT_MOST:.2f}")
    ratio = report.note("start_10000", big, "s", ("front_matter", raw))
    report.judge(ratio <= START_AT_MOST, f"at most {START_AT_MOST:.2f}")


def import_seconds(modules: Sequence[str]) -> float:
    """Return the seconds that a new Python takes to import the modules that can be imported alone."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORT, *modules], check=True)
    return time.perf_counter() - began


def libraries_of(module: str) -> list[str]:
    """Return the names of all modules that a module of the site imports from elsewhere."""
    code = f"import sys; before = set(sys.modules); import {module}; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return sorted(name for name in loaded.stdout.split() if not name.startswith("rjsite"))


def check_seconds() -> float:
    """Return the seconds that `rjsite check` takes for the site's own content."""
    began = time.perf_counter()
    subprocess.run([*SITE, "check"], check=False, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure_commands(report: Report) -> None:
    """Measure how quickly commands start."""
    libraries = partial(import_seconds, libraries_of("rjsite.settings"))
    ours, theirs, check = in_turn(partial(import_seconds, ["rjsite.settings"]), libraries, check_seconds)
    more = [a - b for a, b in zip(ours, theirs, strict=True)]
    for name, figures, most in (
        ("import_settings", more, IMPORT_AT_MOST),
        ("check_15", check, CHECK_AT_MOST),
    ):
        report.note(name, figures, "s")
        report.judge(statistics.median(figures) <= most, f"at most {most:.2f}")


def measure_published(report: Report, folder: Path, content: Path) -> None:
    """Compare the home page from nginx with a plain file of the same compressed size."""
    out = folder / "published"
    env = {**os.environ, **production(folder, content)}
    subprocess.run([*SITE, "publish", str(out)], env=env, check=True, stdout=subprocess.DEVNULL)
    with gzip.open(out / "current" / "pages" / ".html.gz") as page:
        size = len(page.read())
    (folder / "plain").mkdir()
    (folder / "plain" / "file.html").write_bytes(os.urandom((out / "current/pages/.html.gz").stat().st_size))
    locations = (ROOT / "deploy" / "nginx-published.conf").read_text()
    locations = re.sub(r"^root .*;", f"root {out}/current;", locations, flags=re.M)
    upstream = f"upstream rjsite {{ server {LOOPBACK}:9; }}\nkeepalive_requests 1000000;\n"
    text = f"{upstream}server {{\nlisten ${{address}};\n{locations}\n}}\n"
    other = f"server {{\nlisten {LOOPBACK}:PORT;\nroot {folder / 'plain'};\n}}\n"
    port = free_port()
    (folder / "nginx").mkdir()
    with Nginx(folder / "nginx", text + other.replace("PORT", str(port))) as nginx:
        figures = in_turn(
            partial(rate, nginx.port, "/", "gzip", 16), partial(rate, port, "/file.html", "gzip", 16)
        )
    report.compare("published_rps", figures)
    report.found["published_rps"]["page_bytes"] = size


# -- growth ------------------------------------------------------------------------------------------------


def growth(folder: Path, contents: dict[int, Path]) -> dict[str, list[float]]:
    """Return the seconds to start, MB of memory, and milliseconds for a page and a filtered list, by size."""
    found: dict[str, list[float]] = {
        "start (s)": [],
        "memory (MB)": [],
        "page (ms)": [],
        "filtered list (ms)": [],
    }
    for content in contents.values():
        began = time.perf_counter()
        with site(folder, content) as (port, process):
            took = time.perf_counter() - began
            page, filtered = in_turn(
                partial(rate, port, "/"), partial(rate, port, "/case-studies/?harm=theft"), rounds=3
            )
            times = [1000 * CLIENTS / statistics.median(figures) for figures in (page, filtered)]
            for name, figure in zip(found, [took, memory(process), *times], strict=True):
                found[name].append(round(figure, 2))
    return found


def picture(found: dict[str, list[float]]) -> str:
    """Return an SVG that shows how each cost grows, in one diagram each, with an axis from zero."""
    parts, width, height = [], 300, 150
    for number, (name, figures) in enumerate(found.items()):
        left, top = 60 + (number % 2) * (width + 100), 50 + (number // 2) * (height + 100)
        most = max(figures) * 1.1
        points = [
            (left + width * size / SIZES[-1], top + height * (1 - figure / most))
            for size, figure in zip(SIZES, figures, strict=True)
        ]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        parts.append(f'<text x="{left}" y="{top - 20}" font-weight="bold">{name}</text>')
        parts.append(f'<path d="M{left} {top}v{height}h{width}" fill="none" stroke="currentColor"/>')
        parts.append(f'<polyline points="{line}" fill="none" stroke="#00707a" stroke-width="3"/>')
        for (x, y), size, figure in zip(points, SIZES, figures, strict=True):
            parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#00707a"/>')
            if size != SIZES[1]:  # too close to the first to be legible
                parts.append(f'<text x="{x + 8:.0f}" y="{y + 20:.0f}">{figure:g}</text>')
                at = f'x="{x:.0f}" y="{top + height + 18}" text-anchor="middle"'
                parts.append(f"<text {at}>{size:,}</text>")
    label = "; ".join(f"{name}: {', '.join(map(str, figures))}" for name, figures in found.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 500" font-family="sans-serif"'
        f' font-size="13" role="img" aria-label="Cost at {", ".join(map(str, SIZES))} stories: {label}">\n'
        '<rect width="860" height="500" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def main() -> int:
    """Measure everything, print the table, write the files, and return 1 if a target is missed."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        contents = {SIZES[0]: ROOT / "content"}
        for size in SIZES[1:]:
            contents[size] = Path(shutil.copytree(ROOT / "content", folder / f"content-{size}"))
            write_stories(contents[size], size)
        small, large = contents[SIZES[0]], contents[SIZES[-1]]
        rss_15 = measure_small(report, folder, small)
        measure_large(report, folder, small, large, rss_15)
        measure_starts(report, folder, small, large)
        measure_commands(report)
        measure_published(report, folder, small)
        grown = growth(folder, contents)
    path = ROOT / "var" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**report.found, "growth": {"stories": SIZES, **grown}}, indent=2) + "\n")
    path.with_name("growth.svg").write_text(picture(grown))
    print("Every target is met." if report.met else "Not every target is met.", "See var/bench.json.")
    return 0 if report.met else 1


if __name__ == "__main__":
    sys.exit(main())
