"""nginx serves the pages that `rjsite publish` writes as the site does, even while the site is down."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import brotli
import pytest

from rjsite.settings import ROOT
from support.nginx import Nginx
from support.processes import LOOPBACK, run, wait_until
from support.service import PHONE, SERVICE, example
from support.site_process import RJSITE, Site, production_settings

CONF = example("nginx-published.conf")
UNIT = (ROOT / "deploy" / "systemd" / "rjsite@.service").read_text()
PUBLISHED = "/var/lib/rjsite-published"
OWN = {
    "Date",
    "Server",
    "Connection",
    "Accept-Ranges",
    "ETag",
    "Content-Length",
    "Transfer-Encoding",
    "Last-Modified",
}
TOO_LONG = "x" * 10_000  # for a URL: nginx reads at most 8 KB
CHUNKED = {"Transfer-Encoding": "chunked"}
UNREADABLE = {
    "a host that is none": ("GET", {"Host": "a b"}, 400),
    "a long header": ("GET", {"X-One": TOO_LONG}, 400),
    "a chunk that is none": ("POST", CHUNKED, 400),
    "another coding": ("POST", {"Transfer-Encoding": "gzip"}, 501),
    "a method for machines": ("TRACE", {}, 405),
}
BROWSER = "gzip, deflate, br"  # what every browser accepts
UNPACK = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
PAGES = ["/", "/privacy", "/case-studies/", "/case-studies/a-broken-fence", "/think-it-through"]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the content for the tests to change. A test that changes it also publishes it."""
    return Path(shutil.copytree(SERVICE, tmp_path_factory.mktemp("written") / "content"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, content: Path) -> Iterator[Site]:
    """Run the site that is behind nginx, with an https address as in production."""
    env = {"RJSITE_CONTENT_DIR": str(content), "RJSITE_PUBLIC_URL": f"https://{LOOPBACK}"}
    with Site(tmp_path_factory.mktemp("site"), env) as running:
        yield running


@pytest.fixture(scope="module")
def folder(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish the content, and return the folder."""
    place = tmp_path_factory.mktemp("published")
    publish(site, place)
    return place


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, site: Site, folder: Path) -> Iterator[Nginx]:
    """Run nginx, which serves the published folder and passes other requests to the site."""
    with nginx_before(site, folder, tmp_path_factory.mktemp("nginx")) as running:
        yield running


def nginx_before(site: Site, folder: Path, place: Path) -> Nginx:
    """Return an nginx with the configuration from deploy/."""
    conf = re.sub(r"^root .*;", f"root {folder}/current;", CONF, flags=re.M)
    upstream = f"upstream rjsite {{ server {LOOPBACK}:{site.port}; }}\nproxy_set_header Host $http_host;\n"
    return Nginx(place, f"{upstream}server {{\nlisten ${{address}};\n{conf}\n}}\n")


def publish(site: Site, folder: Path) -> str:
    """Run `rjsite publish`, and return its output."""
    done = site.run("publish", str(folder))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def ask(
    port: int, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    """Send one request, and return the response and its body."""
    connection = HTTPConnection(LOOPBACK, port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def said(response: HTTPResponse) -> dict[str, str]:
    """Return the site's own headers, with character sets written in one way."""
    headers = {name.title(): value.replace('"utf-8"', "utf-8") for name, value in response.getheaders()}
    assert len(headers) == len(response.getheaders())
    return {name: value for name, value in headers.items() if name not in {own.title() for own in OWN}}


@pytest.fixture(scope="module")
def fixed(site: Site) -> dict[str, str]:
    """Return the headers that every response of the site has, with the Cache-Control of an error page."""
    headers = said(ask(site.port, "/no-such-page")[0])
    return {name: value for name, value in headers.items() if name not in ("Content-Type", "Vary")}


def change(path: Path, right: str, other: str) -> None:
    """Replace words in a file."""
    words = path.read_text()
    assert right in words
    path.write_text(words.replace(right, other, 1))


@pytest.mark.parametrize(("accepted", "coding"), [("identity", ""), ("gzip", "gzip"), (BROWSER, "br")])
def test_pages_and_files_go_out_as_from_the_site(
    site: Site, nginx: Nginx, folder: Path, accepted: str, coding: str
):
    files = [
        path for path in (folder / "current/files").rglob("*") if path.suffix in (".css", ".js", ".woff2")
    ]
    static = [f"/{path.relative_to(folder / 'current/files')}" for path in files]
    assert len(static) > 3

    for path in [*PAGES, *static]:
        ours, theirs = (ask(port, path, Accept_Encoding=accepted) for port in (site.port, nginx.port))
        assert (theirs[0].status, said(theirs[0])) == (ours[0].status, said(ours[0])), path
        assert theirs[0].getheader("ETag") not in (None, ours[0].getheader("ETag"))  # nginx makes its own
        if accepted == "identity":
            assert theirs[1] == ours[1]
        else:
            plain = [
                UNPACK[answer.getheader("Content-Encoding") or ""](body) for answer, body in (ours, theirs)
            ]
            assert plain[0] == plain[1]
            assert theirs[0].getheader("Content-Encoding") == (None if path.endswith("2") else coding)


def test_each_page_and_story_is_there_with_copies_that_hold_the_same(folder: Path, content: Path):
    written = sorted((folder / "current").rglob("*.html"))

    stories = {f"{path.stem}.html" for path in (content / "case-studies").glob("*.md")}
    assert stories <= {path.name for path in written}
    for path in written:
        body = path.read_bytes()
        assert brotli.decompress(path.with_name(f"{path.name}.br").read_bytes()) == body
        assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == body
    assert {path.name for path in folder.iterdir()} == {"current", (folder / "current").resolve().name}


def test_pages_stay_up_while_the_site_is_down_and_forms_say_whom_to_call(
    site: Site, nginx: Nginx, fixed: dict[str, str]
):
    site.terminate()

    up = [ask(nginx.port, path)[0].status for path in PAGES]
    form, words = ask(nginx.port, "/refer/a")
    sent, _ = ask(nginx.port, "/refer/a", "POST")
    to_a_page, said_there = ask(nginx.port, "/privacy", "POST")
    site.start()

    assert up == [200] * len(PAGES)
    assert (form.status, sent.status, to_a_page.status) == (503, 503, 503)
    assert [fixed.items() - said(answer).items() for answer in (form, sent, to_a_page)] == [set()] * 3
    assert PHONE.encode() in words
    assert PHONE.encode() in said_there


@pytest.fixture
def unpublished(site: Site, tmp_path: Path) -> Iterator[tuple[Nginx, Path]]:
    """Return an nginx in front of a site that is down, and the path of the missing folder that it serves."""
    site.terminate()
    published = tmp_path / "published"
    with nginx_before(site, published, tmp_path) as nginx:
        yield nginx, published
    site.start()


def make_nothing(folder: Path) -> None:
    assert not folder.exists()


def make_a_link_that_leads_nowhere(folder: Path) -> None:
    folder.mkdir()
    (folder / "current").symlink_to("release-gone")


def make_folders_without_files(folder: Path) -> None:
    for name in ("pages", "unkept", "files"):
        (folder / "current" / name).mkdir(parents=True)


def make_folders_in_place_of_files(folder: Path) -> None:
    for name in ("pages/privacy.html", "unkept/site-away.html", "unkept/too-long.html"):
        (folder / "current" / name).mkdir(parents=True)


@pytest.mark.parametrize(
    "make",
    [
        make_nothing,
        make_a_link_that_leads_nowhere,
        make_folders_without_files,
        make_folders_in_place_of_files,
    ],
)
def test_where_nothing_is_published_and_the_site_is_away_nginx_names_the_phone(
    unpublished: tuple[Nginx, Path], fixed: dict[str, str], make: Callable[[Path], None]
):
    nginx, folder = unpublished
    make(folder)
    too_large = {"Content-Length": "3000000"}
    asked = [
        ("/", "GET"),
        ("/privacy", "GET"),
        ("/refer/a", "GET"),
        ("/refer/a", "POST"),
        ("/privacy", "POST"),
    ]

    for path, method in asked:
        answer, words = ask(nginx.port, path, method)
        assert (answer.status, PHONE.encode() in words) == (503, True), (path, method)
        assert fixed.items() - said(answer).items() == set(), (path, method)
        assert b"nginx" not in words
    for path, method, headers, status in (
        ("/refer/a", "POST", too_large, 413),
        (f"/refer/a?{TOO_LONG}", "GET", {}, 414),
    ):
        answer, words = ask(nginx.port, path, method, None, **headers)
        assert (answer.status, b"too long" in words, PHONE.encode() in words) == (status, True, True)
        assert fixed.items() - said(answer).items() == set()
    assert ask(nginx.port, "/exit")[0].status == 303


def test_what_is_too_large_to_be_passed_on_is_answered_in_our_words(nginx: Nginx, fixed: dict[str, str]):
    connection = HTTPConnection(LOOPBACK, nginx.port, timeout=30)
    connection.request("POST", "/refer/a", headers={"Content-Length": "3000000"})  # none of the body is read
    answer = connection.getresponse()
    words = answer.read()
    connection.close()

    assert answer.status == 413
    assert b"Too long to send" in words
    assert PHONE.encode() in words
    assert fixed.items() - said(answer).items() == set()


def test_an_address_that_is_too_long_is_answered_in_our_words(nginx: Nginx, fixed: dict[str, str]):
    answer, words = ask(nginx.port, f"/privacy?{TOO_LONG}")

    assert answer.status == 414
    assert b"Too long to send" in words
    assert PHONE.encode() in words
    assert fixed.items() - said(answer).items() == set()


@pytest.mark.parametrize("path", ["/", "/privacy", "/refer/a"])
@pytest.mark.parametrize(("method", "headers", "status"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_nginx_cannot_read_is_refused_in_our_words(
    nginx: Nginx, fixed: dict[str, str], path: str, method: str, headers: dict[str, str], status: int
):
    answer, words = ask(nginx.port, path, method, b"no chunk\r\n" if method == "POST" else None, **headers)

    assert answer.status == status
    assert PHONE.encode() in words
    assert fixed.items() - said(answer).items() == set()


def test_what_is_too_large_in_pieces_is_answered_in_our_words_too(nginx: Nginx):
    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    connection = HTTPConnection(LOOPBACK, nginx.port, timeout=30)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nginx may stop reading
        connection.request("POST", "/refer/a", pieces(), encode_chunked=True)
    answer = connection.getresponse()

    assert answer.status == 413
    assert PHONE.encode() in answer.read()
    connection.close()


@pytest.mark.parametrize("path", ["/too-long", "/site-away", "/unreadable"])
def test_a_page_for_trouble_is_none_that_one_can_ask_for(nginx: Nginx, path: str):
    answer, words = ask(nginx.port, path)

    assert answer.status == 404
    assert PHONE.encode() in words


def test_leaving_without_script_works_while_the_site_is_down(site: Site, nginx: Nginx, fixed: dict[str, str]):
    usual, _ = ask(nginx.port, "/exit")
    site.terminate()

    alone, _ = ask(nginx.port, "/exit")
    site.start()
    unreadable, _ = ask(nginx.port, "/exit", "POST", b"no chunk\r\n", **CHUNKED)

    assert alone.status == unreadable.status == usual.status == 303
    for name in ("Location", "Set-Cookie", *fixed):
        assert said(alone)[name] == said(usual)[name], name


def test_what_is_not_published_is_answered_by_the_site(nginx: Nginx, site: Site):
    for path in (
        "/refer/a",
        "/case-studies/?harm=theft",
        "/Privacy",
        "/index",
        "/.html",
        "/pages/.html",
        "/x",
    ):
        ours, theirs = ask(site.port, path)[0], ask(nginx.port, path)[0]
        assert theirs.status == ours.status, path
        assert said(theirs) == said(ours), path
    assert b"form_token" in ask(nginx.port, "/refer/a")[1]
    assert b"Stories about theft" in ask(nginx.port, "/case-studies/?harm=theft")[1]
    refused, words = ask(nginx.port, "/privacy", "POST")
    assert (refused.status, PHONE.encode() in words) == (405, True)


def test_only_what_changed_is_written_and_the_rest_keeps_its_tag(
    site: Site, nginx: Nginx, folder: Path, content: Path
):
    tags = {path: ask(nginx.port, path)[0].getheader("ETag") or "" for path in PAGES}
    place = (folder / "current/pages/privacy.html").stat().st_ino
    assert " 0 of them" in publish(site, folder)
    assert {ask(nginx.port, path, If_None_Match=tag)[0].status for path, tag in tags.items()} == {304}

    change(content / "case-studies/a-broken-fence.md", "title: A broken", "title: A brxken")
    (content / "case-studies/a-night-out.md").unlink()
    publish(site, folder)
    time.sleep(1.1)  # nginx looks at a file again after a second

    again = {path: ask(nginx.port, path, If_None_Match=tag)[0].status for path, tag in tags.items()}
    assert [again[path] for path in ("/case-studies/", "/case-studies/a-broken-fence")] == [200, 200]
    assert [again[path] for path in ("/privacy", "/think-it-through")] == [304, 304]
    assert not (folder / "current/pages/case-studies/a-night-out.html").exists()
    assert (folder / "current/pages/privacy.html").stat().st_ino == place


def test_a_tag_is_the_same_on_every_machine(site: Site, folder: Path, tmp_path: Path):
    publish(site, tmp_path / "other")

    def stamps(where: Path) -> set[tuple[str, int]]:
        found = (where / "current" / "pages").rglob("*")
        return {(path.name, int(path.stat().st_mtime)) for path in found if path.is_file()}

    assert stamps(folder) == stamps(tmp_path / "other")


def test_no_request_fails_while_pages_are_published(site: Site, nginx: Nginx, folder: Path, content: Path):
    answers: list[int] = []
    end = threading.Event()

    def walk() -> None:
        while not end.wait(0.02):
            answers.extend(ask(nginx.port, path)[0].status for path in PAGES)

    walker = threading.Thread(target=walk)
    walker.start()
    try:
        for number in range(2):
            with (content / "pages" / "privacy.md").open("a") as page:
                page.write(f"\nLine {number}.\n")
            publish(site, folder)
            new = f"Line {number}.".encode()  # nginx keeps open files for a second
            wait_until(lambda new=new: new in ask(nginx.port, "/privacy")[1], "the new page", 5)  # type: ignore[misc]
    finally:
        end.set()
        walker.join()

    assert len(answers) > 20
    assert set(answers) == {200}


def test_a_run_that_broke_off_leaves_nothing_behind(site: Site, folder: Path):
    (folder / "release-br0ken_x").mkdir()
    (folder / "release-br0ken_x" / "x").write_text("x")

    publish(site, folder)

    assert not (folder / "release-br0ken_x").exists()
    assert os.access(folder / "current" / "pages" / "privacy.html", os.R_OK)


# -- `systemctl reload rjsite@serve` ---------------------------------------------------------------------


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Site]:
    """Run the site in production, with its own copy of the content."""
    content = shutil.copytree(SERVICE, tmp_path / "content")
    with Site(tmp_path, production_settings(content)) as running:
        yield running


def reload(site: Site, folder: Path) -> int:
    """Run the unit's ExecReload commands until one fails, as systemd does, and return the last status."""
    places = {"$MAINPID": str(site.process_id), PUBLISHED: str(folder)}
    for line in re.findall(r"^ExecReload=(.+)$", UNIT, re.M):
        words = [
            re.sub("|".join(map(re.escape, places)), lambda name: places[name[0]], word)
            for word in shlex.split(line)
        ]
        if words[0] == "/srv/rjsite/current/.venv/bin/rjsite":
            words[:1] = RJSITE
        umask = int(re.findall(r"^UMask=(\d+)$", UNIT, re.M)[0], 8)
        status = run(words, site.env, umask=umask).returncode
        if status:
            return status
    return 0


def test_a_story_taken_down_is_gone_behind_nginx_with_one_command(production: Site, tmp_path: Path) -> None:
    story, listed = "/case-studies/a-broken-fence", "/case-studies/"
    folder = tmp_path / "published"
    publish(production, folder)
    (tmp_path / "nginx").mkdir()
    with nginx_before(production, folder, tmp_path / "nginx") as nginx:
        assert ask(nginx.port, story)[0].status == 200
        (tmp_path / "content" / f"{story}.md".lstrip("/")).unlink()

        assert reload(production, folder) == 0

        wait_until(lambda: ask(nginx.port, story)[0].status == 404, "the story to be gone", 5)
        assert ask(production.port, story)[0].status == 404
        assert story.encode() not in ask(nginx.port, listed)[1]
    assert re.search(rf"^ReadWritePaths=-{PUBLISHED}$", UNIT, re.M)
    for path in folder.rglob("*"):  # nginx runs as another user
        assert path.stat().st_mode & 0o004, path


def test_a_command_that_could_not_take_up_the_content_says_so(production: Site, tmp_path: Path) -> None:
    (tmp_path / "content" / "service.toml").write_text("[name")

    assert reload(production, tmp_path / "published") == 1


def test_a_wrong_date_leaves_the_page_up_and_the_command_says_so(production: Site, tmp_path: Path) -> None:
    folder, home = tmp_path / "published", tmp_path / "content" / "pages" / "index.md"
    publish(production, folder)
    before = (folder / "current/pages/.html").read_bytes()
    home.write_text(re.sub(r"^last_checked: .*$", "last_checked: 2026-13-01", home.read_text(), flags=re.M))
    change(tmp_path / "content/pages/questions.md", "Is it free?", "Is it free of charge?")

    assert reload(production, folder) == 1

    said_why = production.run("publish", str(folder))
    production.restart()
    again = production.run("publish", str(folder))
    assert "content/pages/index.md:" in said_why.stderr
    assert (said_why.returncode, again.returncode) == (1, 1)
    assert ask(production.port, "/")[1] == before
    assert (folder / "current/pages/.html").read_bytes() == before
    assert "Is it free of charge?" in (folder / "current/pages/questions.html").read_text()
    assert ask(production.port, "/readyz")[1].splitlines()[0] == b"content"


def test_a_story_taken_down_goes_also_while_nothing_else_can_be_published(
    site: Site, tmp_path: Path, content: Path
) -> None:
    folder = tmp_path / "published"
    ours = shutil.copytree(content, tmp_path / "content")
    site.env["RJSITE_CONTENT_DIR"] = str(ours)
    publish(site, folder)
    (ours / "service.toml").write_text("[name")
    (ours / "case-studies/a-broken-fence.md").unlink()

    assert site.run("publish", str(folder)).returncode == 1

    site.env["RJSITE_CONTENT_DIR"] = str(content)
    assert not list((folder / "current").rglob("a-broken-fence.html*"))
    assert (folder / "current/pages/privacy.html").exists()


def test_a_hidden_story_is_gone_everywhere_with_one_command_and_stays_so(
    production: Site, tmp_path: Path
) -> None:
    story, slug = "/case-studies/a-broken-fence", "a-broken-fence"
    folder = tmp_path / "published"
    change(tmp_path / "content/pages/questions.md", "## ", f"See [two neighbours]({story}).\n\n## ")
    assert reload(production, folder) == 0
    assert [ask(production.port, path)[0].status for path in (story, "/questions")] == [200, 200]

    done = production.run("hide", story)

    def gone() -> bool:
        paths = (
            "/",
            "/case-studies/",
            "/case-studies/?harm=neighbours",
            "/feed.xml",
            "/sitemap.xml",
            "/questions",
        )
        answered = [ask(production.port, path)[1] for path in paths]
        published = [path.read_text() for path in (folder / "current").rglob("*.html")]
        named = [words for words in (*map(bytes.decode, answered), *published) if story in words]
        there = list((folder / "current").rglob(f"{slug}*"))
        return not named and not there and ask(production.port, story)[0].status == 404

    assert done.returncode == 0, done.stderr
    assert gone()
    assert b"See two neighbours." in ask(production.port, "/questions")[1]
    production.restart()
    assert reload(production, folder) == 0
    assert gone()
    assert production.run("hide", "--undo", slug).returncode == 0
    assert ask(production.port, story)[0].status == 200
    assert list((folder / "current").rglob(f"{slug}.html"))


def test_a_hidden_story_goes_also_from_pages_that_cannot_be_published_again(
    production: Site, tmp_path: Path
) -> None:
    publish(production, tmp_path / "published")
    shutil.rmtree(production.data_dir / "content-last-good", ignore_errors=True)
    (tmp_path / "content" / "service.toml").write_text("[name")

    done = production.run("hide", "a-broken-fence")

    assert done.returncode == 1
    assert "service.toml" in done.stderr
    assert not list((tmp_path / "published/current").rglob("a-broken-fence*"))
    assert ask(production.port, "/case-studies/a-broken-fence")[0].status == 404


def test_those_who_publish_at_once_take_turns(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: site.run("publish", str(folder)), range(4)))

    assert [one.stderr for one in runs if one.returncode] == []
    assert (folder / "current" / "pages" / "privacy.html").is_file()
    assert len(list(folder.glob("release-*"))) == 1
