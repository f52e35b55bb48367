"""Another service can use the engine: nothing that the invented service shows is about the client."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from flask import Flask

from rjsite import create_app
from rjsite.content.library import Library, load
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web.papers import documents
from support.forms import GOOD, STOPS, send
from support.service import CLIENT, SERVICE, example

NAMES = ("name", "name_place", "area", "phone", "email", "police_email", "exit_url", "provider")
PLACES = ("Hampshire", "Isle of Wight", "hiow", "RJ HIOW", "restorativesolutions")


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return the site of the invented service."""
    folder = tmp_path_factory.mktemp("invented")
    return create_app(
        Settings.load(
            mode="development",
            data_dir=folder / "var",
            content_dir=SERVICE,
            ratelimit_forms="off",
            deliver_per_minute=60_000,  # with the default, two seconds pass between two emails
        )
    )


def crawl(app: Flask, content: Library) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of everything that the site shows or sends."""
    visitor = app.test_client()
    addresses = [*content.pages, *content.forms, *(story.address for story in content.stories)]
    feeds = ["/feed.xml", "/sitemap.xml", "/robots.txt", "/.well-known/security.txt", "/readyz"]
    for address in [*addresses, *feeds, "/no-such-page", "/styleguide"]:
        yield address, visitor.get(address).text
    for name, page in content.errors.items():
        yield f"error {name}", page.opening + "".join(section.html for section in page.sections)
    for form, change, outcome in STOPS:
        yield outcome, send(visitor, form, change).text
    yield "exit", visitor.get("/exit").headers["Location"]
    for form in GOOD:
        yield f"{form} with errors", send(visitor, form, dict.fromkeys(GOOD[form], "")).text
        assert send(visitor, form).status_code == 303
    services_of(app).worker.drain()
    for mail in sorted(Path(services_of(app).settings.data_dir, "mail").glob("*.eml")):
        message = message_from_bytes(mail.read_bytes(), policy=policy.default)
        parts = [str(part.get_content()) for part in message.walk() if not part.is_multipart()]
        yield mail.name, "\n".join([*map(str, message.values()), *parts])
    yield from documents(content).items()
    yield from ((name, example(name)) for name in ("Caddyfile", "nginx-published.conf", "nginx.conf"))


def test_a_crawl_of_the_invented_service_finds_nothing_of_the_client(invented: Flask) -> None:
    facts = load(CLIENT).facts
    client = {fact.casefold() for name in NAMES if (fact := facts[name].value)} | set(
        map(str.casefold, PLACES)
    )
    content = services_of(invented).content.now()

    shown = dict(crawl(invented, content))

    assert len([name for name in shown if name.endswith(".eml")]) == len(GOOD)
    assert {
        (name, word) for name, text in shown.items() for word in client if word in text.casefold()
    } == set()
