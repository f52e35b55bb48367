"""A page that is the same for everyone is rendered and compressed once, and then served without Flask."""

from __future__ import annotations

import gzip
import logging
import re
import shutil
from pathlib import Path

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from rjsite import create_app
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web import page_cache
from support.forms import CONTACT, GOOD, A, B, C, Page, send
from support.service import SERVICE

STORY = "/case-studies/a-broken-fence"
SAME = ["/", "/privacy", STORY, "/case-studies/", "/feed.xml", "/sitemap.xml", "/robots.txt"]
FORMS = [A, B, C, CONTACT]
UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}


def kept(app: Flask) -> dict[str, object]:
    cache = services_of(app).content.now().cache
    return {key: page for key, page in cache.items() if key.startswith("http")}


@pytest.fixture
def no_flask(app: Flask, monkeypatch: pytest.MonkeyPatch):
    """Return a function that breaks Flask, so that from then on only cached pages can be served."""

    def gone(*_):
        raise AssertionError("Flask was asked")

    return lambda: monkeypatch.setattr(app, "full_dispatch_request", gone)


def test_a_page_is_compressed_once_for_each_coding_that_browsers_ask_for(client, monkeypatch):
    made = []
    compress = page_cache.compressed

    def noted(body: bytes, coding: str, **how: bool) -> bytes:
        made.append(coding)
        return compress(body, coding, **how)

    monkeypatch.setattr(page_cache, "compressed", noted)
    for accepted in ("", "gzip", "", "gzip"):
        client.get("/privacy", headers={"Accept-Encoding": accepted})

    assert made == ["", "gzip"]


@pytest.mark.parametrize("address", [*SAME, A, f"{A}?fill=1", CONTACT])
def test_the_second_visitor_is_answered_without_flask_and_with_the_same_headers(client, no_flask, address):
    first = client.get(address)
    no_flask()

    second, head = client.get(address), client.head(address)

    assert second.status_code == 200
    assert sorted(second.headers) == sorted(head.headers) == sorted(first.headers)
    assert len(second.data) == len(first.data) > head.content_length * 0 == len(head.data)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("gzip;q=0", ""),
        ("identity", ""),
        ("", ""),
        ("nonsense;;q=x", ""),
    ],
)
@pytest.mark.parametrize("address", SAME)
def test_each_visitor_has_a_coding_they_take(calm: FlaskClient, address, accepted, coding):
    plain = calm.get(address, headers={"Accept-Encoding": "identity"})

    answer = calm.get(address, headers={"Accept-Encoding": accepted})

    assert answer.headers.get("Content-Encoding", "") == coding
    assert answer.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert UNPACK.get(coding, bytes)(answer.data) == plain.data


def test_a_tag_is_strong_so_each_coding_has_its_own(calm: FlaskClient):
    answers = [calm.get("/privacy", headers={"Accept-Encoding": coding}) for coding in ("br", "gzip", "")]

    assert len({answer.headers["ETag"] for answer in answers}) == 3
    assert [answer.headers["ETag"][0] for answer in answers] == ['"'] * 3


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_what_a_visitor_has_is_not_sent_again(calm: FlaskClient, known):
    visitor = {"Accept-Encoding": "br"}
    tag = calm.get("/privacy", headers=visitor).headers["ETag"]

    same = calm.get("/privacy", headers={**visitor, "If-None-Match": known.format(tag)})
    other = calm.get("/privacy", headers={"Accept-Encoding": "gzip", "If-None-Match": tag})

    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert {"Vary", "Cache-Control", "Content-Security-Policy"} <= set(same.headers.keys())
    assert other.status_code == 200


def test_what_is_written_in_a_page_is_never_asked_for_by_tag(calm: FlaskClient):
    answer = calm.get("/think-it-through", headers={"If-None-Match": "*"})

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


# -- forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?fill=1"])
@pytest.mark.parametrize("form", FORMS)
def test_each_visitor_has_a_token_of_their_own_and_no_answer_is_kept(calm: FlaskClient, form, query):
    answers = [calm.get(form + query, headers={"Accept-Encoding": "br, gzip"}) for _ in range(3)]

    bodies = [gzip.decompress(answer.data) for answer in answers]
    tokens = [page_cache._TOKEN.findall(body)[0] for body in bodies]
    assert len(set(tokens)) == 3
    assert len({page_cache._TOKEN.sub(b"", body) for body in bodies}) == 1
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
    assert (b' autocomplete="name"' in bodies[0]) == bool(query)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_the_same_where_compression_is_not_taken(calm: FlaskClient, form):
    plain, packed = calm.get(form), calm.get(form, headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in plain.headers
    assert page_cache._TOKEN.sub(b"", plain.data) == page_cache._TOKEN.sub(b"", gzip.decompress(packed.data))


@pytest.mark.parametrize("form", FORMS)
def test_a_kept_form_can_be_sent(client: FlaskClient, form):
    client.get(form)

    first, second = (
        client.post(form, data=Page(client.get(form).text).answers | GOOD[form]) for _ in range(2)
    )

    assert [first.status_code, second.status_code] == [303, 303]
    assert first.headers["Location"] != second.headers["Location"]


def test_nothing_that_was_written_is_kept(app: Flask, client: FlaskClient):
    secret = "Zofia wrote this"
    send(client, A, {"about": secret, "name": ""})
    client.get(f"{A}?name={secret}")
    client.get(client.get("/exit").headers["Location"])
    client.get("/sent?r=x")
    client.get("/no-such-page")

    assert {key.removeprefix("http://localhost") for key in kept(app)} == {A}
    assert secret not in client.get(A).text


# -- how much is kept --------------------------------------------------------------------------------------


def test_no_visitor_makes_the_site_keep_more_than_there_are_pages(app: Flask, client: FlaskClient):
    client.get("/privacy")
    client.get(A)
    before = set(kept(app))

    for query in ("?x=1", "?fill=2", "?harm=theft", "?page=1"):
        client.get(f"/privacy{query}")
        client.get(f"{A}{query}")
    client.get("/case-studies/?harm=theft")

    assert set(kept(app)) == before


def test_the_oldest_goes_when_there_is_too_much(app: Flask, client: FlaskClient, monkeypatch):
    monkeypatch.setattr(page_cache, "MAX_PAGES", 2)

    answers = [client.get(address) for address in ("/", "/privacy", "/questions", "/")]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [key.removeprefix("http://localhost") for key in kept(app)] == ["/questions", "/"]


def test_a_story_that_was_shown_leaves_nothing_in_memory_but_its_page(app: Flask, client: FlaskClient):
    client.get(STORY)

    story = services_of(app).content.now().by_slug["a-broken-fence"]
    assert "_parts" not in vars(story)


# -- what still holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", A, "/feed.xml"])
def test_what_is_kept_is_not_shown_under_another_name(calm: FlaskClient, address):
    assert calm.get(address).status_code == 200

    assert calm.get(address, headers={"Host": "evil.example"}).status_code == 400
    assert calm.get(address, headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert "127.0.0.1:8000" not in calm.get(address).text


def test_what_is_kept_is_logged_as_every_request(client: FlaskClient, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(2):
        client.get("/privacy")
        client.get(f"{A}?fill=1")

    lines = [r.getMessage().rsplit(" ", 1)[0] for r in caplog.records if r.name == "rjsite.requests"]
    assert lines == ["GET /privacy 200", f"GET {A} 200"] * 2


def test_a_change_of_content_swaps_everything_at_once(tmp_path: Path):
    folder = Path(shutil.copytree(SERVICE, tmp_path / "content"))
    (tmp_path / "data").mkdir()
    site = create_app(
        Settings.load(
            mode="production",
            data_dir=tmp_path / "data",
            content_dir=folder,
            secret_key="q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o",
            outbox_keys="Yk3nq0JxW8vZs5mT1rL7pB2dF6hG9cKaQeUiOyX4wVM=",
            public_url="https://nowhere.example",
            team_email="team@nowhere.example",
            mail_server="mail.nowhere.example",
            mail_default_sender="website@nowhere.example",
        )
    )
    client = site.test_client()
    addresses = ["/", STORY, "/case-studies/", A, "/feed.xml"]
    there = {"base_url": "https://nowhere.example"}
    before = {address: client.get(address, **there).text for address in addresses}
    facts = folder / "service.toml"
    name = "Talking Bridge Larkshire"
    facts.write_text(facts.read_text().replace(name, "Another Name"))
    assert all("Another Name" not in client.get(address, **there).text for address in addresses)

    services_of(site).content.reload()

    after = {address: client.get(address, **there).text for address in addresses}
    assert all("Another Name" in words for words in after.values())
    assert all("Another Name" not in words for words in before.values())


def static_files(visitor: FlaskClient) -> list[str]:
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', visitor.get("/").text)


def test_a_static_file_is_cached_as_pages_are_and_browsers_keep_it_for_a_year(client, no_flask):
    files = static_files(client)
    first = [client.get(file) for file in files]
    no_flask()

    again = [client.get(file, headers={"Accept-Encoding": "br"}) for file in files]

    assert len(files) > 5
    assert [
        UNPACK.get(answer.headers.get("Content-Encoding", ""), bytes)(answer.data) for answer in again
    ] == [answer.data for answer in first]
    assert {answer.headers["Cache-Control"] for answer in again} == {"max-age=31536000, public, immutable"}


def test_a_file_of_a_kind_that_is_always_compressed_is_not_compressed_again(calm: FlaskClient):
    (font, *_) = [file for file in static_files(calm) if file.endswith(".woff2")]

    assert "Content-Encoding" not in calm.get(font, headers={"Accept-Encoding": "br, gzip"}).headers


@pytest.mark.parametrize("name", ["nothing.css", "site.css", "papers/form-a.pdf", "fonts/"])
def test_a_static_file_has_no_other_name_than_its_hashed_one(calm: FlaskClient, name):
    assert calm.get(f"/static/{name}").status_code == 404
