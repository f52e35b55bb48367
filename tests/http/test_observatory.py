"""The score that Mozilla's HTTP Observatory gives the site's headers, by its published rules.

The rules are in github.com/mdn/mdn-http-observatory, src/grader. A site starts with 100 points. Penalties
always count, and bonuses count only if at most 10 points are lost. A domain in the browsers' preload list of
HTTPS sites gets 5 more points, which headers alone cannot achieve.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator

import pytest
from flask import abort
from werkzeug.test import TestResponse

from rjsite import create_app
from rjsite.settings import Settings
from support.forms import A, Page

HERE = "https://nowhere.example"
PRIVATE = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
BROAD = {"ftp:", "http:", "https:", "*", "data:", "'unsafe-inline'", "'unsafe-eval'", "http://*", "https://*"}
HALF_A_YEAR = 15768000


def one(answer: TestResponse, name: str) -> str:
    """Return the value of a header, or "" if it does not occur exactly once."""
    found = answer.headers.getlist(name)
    return found[0].strip() if len(found) == 1 else ""


def policy(answer: TestResponse) -> dict[str, list[str]]:
    parts = (part.split() for part in one(answer, "Content-Security-Policy").split(";"))
    return {name: sources for name, *sources in parts}


def by_policy(answer: TestResponse) -> int:
    found = policy(answer)
    if not found:
        return -25
    if BROAD & {source for sources in found.values() for source in sources} or "default-src" not in found:
        return -20
    return 10 if found["default-src"] == ["'none'"] else 5


def by_cookies(answer: TestResponse) -> int:
    cookies = [set(cookie.split("; ")) for cookie in answer.headers.getlist("Set-Cookie")]
    if not cookies:
        return 0
    return 5 if all({"Secure", "HttpOnly", "SameSite=Strict"} <= cookie for cookie in cookies) else -40


def by_https(answer: TestResponse) -> int:
    found = re.search(r"max-age=(\d+)", one(answer, "Strict-Transport-Security"))
    if not found:
        return -20
    return 0 if int(found[1]) >= HALF_A_YEAR else -10


def by_scripts(answer: TestResponse) -> int:
    if answer.mimetype != "text/html":
        return 0
    scripts = [script for script in Page(answer.text).all("script") if script.get("src")]
    foreign = [script for script in scripts if not re.match(r"/[^/]", script.attrib["src"])]
    if foreign:
        return -5
    return 5 if any(script.get("integrity") for script in scripts) else 0


def by_framing(answer: TestResponse) -> int:
    if policy(answer).get("frame-ancestors") in (["'none'"], ["'self'"]):
        return 5
    return 0 if one(answer, "X-Frame-Options") in ("DENY", "SAMEORIGIN") else -20


def modifiers(answer: TestResponse) -> Iterator[int]:
    yield by_policy(answer)
    yield by_cookies(answer)
    yield by_https(answer)
    yield by_scripts(answer)
    yield by_framing(answer)
    referrer = one(answer, "Referrer-Policy")
    yield 5 if referrer in PRIVATE else -5 if referrer else 0
    yield 0 if one(answer, "X-Content-Type-Options").lower() == "nosniff" else -5
    shared = one(answer, "Access-Control-Allow-Origin") and answer.headers.get(
        "Access-Control-Allow-Credentials"
    )
    yield -50 if shared else 0
    for kind, good in (("Resource", "same-origin"), ("Opener", "same-origin"), ("Embedder", "require-corp")):
        name = f"Cross-Origin-{kind}-Policy"
        yield 10 if one(answer, name) == good else -5 if name in answer.headers else 0


def score(answer: TestResponse) -> int:
    found = list(modifiers(answer))
    lost = 100 + sum(number for number in found if number < 0)
    return lost + sum(number for number in found if number > 0) if lost >= 90 else lost


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory):
    """Return a function that requests an address of the site over HTTPS."""
    folder = tmp_path_factory.mktemp("observed")
    site = create_app(Settings.load(mode="development", data_dir=folder, public_url=HERE))
    site.add_url_rule("/try-an-error", "try_an_error", lambda: abort(500))
    client = site.test_client()
    return lambda address: client.get(address, base_url=HERE, buffered=True)


@pytest.mark.parametrize(
    ("address", "status"),
    [("/", 200), (A, 200), ("/try-an-error", 500), ("/no-such-page", 404), ("/sent", 200)],
)
def test_each_page_scores_all_that_headers_can(visitor, address, status):
    for time in ("first", "again"):
        answer = visitor(address)

        assert (time, answer.status_code, score(answer)) == (time, status, 155)


def test_a_static_file_scores_all_but_what_only_a_page_can(visitor):
    addresses = re.findall(r'"(/static/[^"]+)"', visitor("/").text)

    assert len(addresses) > 3
    assert {score(visitor(address)) for address in addresses} == {150}


def test_a_style_sheet_or_script_that_was_changed_on_its_way_is_not_used(visitor):
    loaded = [
        *Page(visitor("/").text).all("script", type="module"),
        *Page(visitor("/").text).all("link", rel="stylesheet"),
    ]

    assert len(loaded) == 3
    for element in loaded:
        address = element.get("src") or element.attrib["href"]
        kind, _, digest = element.attrib["integrity"].partition("-")
        assert base64.b64decode(digest) == hashlib.new(kind, visitor(address).data).digest()
