"""Pages over HTTP: one address each, nothing fetched twice, a quick way out, and logs that reveal nothing."""

from __future__ import annotations

import logging
import re
import shutil
import time

import pytest
import time_machine
from cryptography.fernet import Fernet

from rjsite import create_app
from rjsite.content.library import GONE
from rjsite.services import services_of
from rjsite.settings import Settings
from rjsite.web import pages
from support.forms import A, send
from support.service import PHONE, SERVICE

# -- caches ------------------------------------------------------------------------------------------------

SOME = ["/", "/privacy", "/case-studies/"]


@pytest.mark.parametrize("address", SOME)
def test_a_page_that_is_still_the_same_is_not_sent_again(calm, address):
    first = calm.get(address)

    again = calm.get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == "private, no-cache"
    assert "Set-Cookie" not in again.headers


@pytest.mark.parametrize("address", SOME)
def test_a_page_with_another_tag_is_sent_whole(calm, address):
    answer = calm.get(address, headers={"If-None-Match": '"other"'})

    assert answer.status_code == 200
    assert answer.data


def test_every_page_has_a_tag_of_its_own(calm):
    assert len({calm.get(address).headers["ETag"] for address in SOME}) == len(SOME)


@pytest.mark.parametrize("address", [*SOME, A, "/sent", "/exit", "/healthz", "/readyz", "/no-such-page"])
def test_head_answers_as_get_does_without_the_words(calm, address):
    got, head = calm.get(address), calm.head(address)

    def permanent(answer):
        return {n: v for n, v in answer.headers if n not in ("Content-Length", "Set-Cookie")}

    assert head.data == b""
    assert head.status_code == got.status_code
    assert permanent(head) == permanent(got)


# -- addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "true"),
    [
        ("/privacy/", "/privacy"),
        ("/Privacy", "/privacy"),
        ("/PRIVACY/", "/privacy"),
        ("/case-studies", "/case-studies/"),
        ("/Case-Studies/", "/case-studies/"),
        ("/refer/a/", "/refer/a"),
        ("/Refer/A", "/refer/a"),
        ("/contact/", "/contact"),
        ("/CONTACT", "/contact"),
        ("/sent/", "/sent"),
        ("/Exit", "/exit"),
        ("/exit/", "/exit"),
        ("/REFER/A/", "/refer/a"),
        ("/refer//a", "/refer/a"),
        ("/Privacy/?from=mail", "/privacy?from=mail"),
        ("/CASE-STUDIES/?harm=burglary", "/case-studies/?harm=burglary"),
        ("/healthz/", "/healthz"),
        ("/Sitemap.xml", "/sitemap.xml"),
        ("/feed.xml/", "/feed.xml"),
        ("/.well-known/security.txt/", "/.well-known/security.txt"),
    ],
)
def test_another_spelling_leads_for_good_to_the_one_true_address(calm, asked, true):
    answer = calm.get(asked)

    assert (answer.status_code, answer.headers.get("Location")) == (301, true)


def test_a_story_by_another_spelling_leads_to_its_address(calm, content):
    true = content.stories[0].address

    for asked in (f"{true}/", true.upper()):
        answer = calm.get(asked)
        assert (answer.status_code, answer.headers.get("Location")) == (301, true)


def test_every_old_address_leads_for_good_to_its_page(calm, content):
    led = {old: calm.get(old) for old, new in content.redirects.items() if new != GONE}

    assert {old: answer.status_code for old, answer in led.items() if answer.status_code != 301} == {}
    assert {old: answer.headers["Location"] for old, answer in led.items()} == {
        old: new for old, new in content.redirects.items() if new != GONE
    }


def test_old_addresses_with_a_slash_lead_there_too(calm, content):
    old, new = next(iter(content.redirects.items()))

    assert calm.get(f"{old}/").headers.get("Location") == new


@pytest.mark.parametrize(
    "address",
    ["/no-such-page", "/case-studies/no-such-story", "/refer/z", "/index", "/privacy.md", "/%00", "/é"],
)
def test_what_does_not_exist_is_not_found(calm, address):
    assert calm.get(address).status_code == 404


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/privacy", "/\\evil.x", "///evil.x/"])
def test_no_address_leads_to_another_site(calm, path):
    answer = calm.get("/", environ_overrides={"PATH_INFO": path})

    assert answer.status_code in (301, 308, 404)
    assert re.match(r"(http://localhost)?/(?![/\\])", answer.headers.get("Location", "/"))


@pytest.mark.parametrize(
    "path", ["/../content/service.toml", "/static/../outbox.sqlite3", "/static/../secret-key", "/static/"]
)
def test_files_of_ours_cannot_be_fetched(calm, path):
    assert calm.get("/", environ_overrides={"PATH_INFO": path}).status_code == 404


@pytest.mark.parametrize("name", ["form-a.pdf", "form-b.pdf", "form-c.pdf", "easy-read-large-print.pdf"])
def test_a_form_on_paper_has_an_address_that_stays_and_opens_in_the_browser(calm, name):
    asked = calm.get(f"/papers/{name}")
    found = calm.get(asked.headers["Location"])

    assert asked.status_code == 302
    assert "immutable" not in asked.headers["Cache-Control"]
    assert re.fullmatch(rf"/static/papers/{name[:-4]}\.[0-9a-f]{{12}}\.pdf", asked.headers["Location"])
    assert found.content_type == "application/pdf"
    assert "Content-Disposition" not in found.headers
    assert "immutable" in found.headers["Cache-Control"]
    assert found.get_data().startswith(b"%PDF-1.7")
    found.close()


@pytest.mark.parametrize("name", ["form-d.pdf", "../site.css", "site.css", "%2e%2e/site.css"])
def test_no_other_file_has_an_address_among_the_papers(calm, name):
    assert calm.get(f"/papers/{name}").status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "localhost@evil.example"])
@pytest.mark.parametrize("address", ["/", A, "/exit", "/sent", "/no-such-page"])
def test_another_host_is_refused(calm, host, address):
    answer = calm.get(address, headers={"Host": host})

    assert answer.status_code == 400
    assert host == "" or host not in answer.text


def test_a_page_takes_no_post(calm):
    answer = calm.post("/privacy", data={"name": "Anna"})

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_draft_is_shown_in_development_and_never_in_production(tmp_path):
    folder = tmp_path / "content"
    shutil.copytree(SERVICE, folder)
    story = next(iter(sorted((folder / "case-studies").glob("*.md"))))
    story.write_text(re.sub(r"^published: .*$", "published: 2126-01-01", story.read_text(), flags=re.M))
    address = f"/case-studies/{story.stem}"
    open_site = create_app(Settings.load(mode="development", data_dir=tmp_path / "d", content_dir=folder))
    (tmp_path / "p").mkdir()
    real_site = create_app(
        Settings.load(
            mode="production",
            data_dir=tmp_path / "p",
            content_dir=folder,
            secret_key="q7Gm2vXr9TfLw4ZsKb1NcYh8JdPe6UaRtW3o",
            outbox_keys=Fernet.generate_key().decode(),
            public_url="https://nowhere.example",
            team_email="team@nowhere.example",
            mail_server="mail.nowhere.example",
            mail_default_sender="website@nowhere.example",
        )
    )

    assert open_site.test_client().get(address).status_code == 200
    there = real_site.test_client().get(address, base_url="https://nowhere.example")
    assert there.status_code == 404


def test_in_development_the_next_reload_shows_an_edit(tmp_path):
    folder = tmp_path / "content"
    shutil.copytree(SERVICE, folder)
    client = create_app(
        Settings.load(mode="development", data_dir=tmp_path / "var", content_dir=folder)
    ).test_client()
    tag = client.get("/privacy").headers["ETag"]
    page = folder / "pages" / "privacy.md"

    page.write_text(page.read_text() + "\nOne more line.\n")
    changed = client.get("/privacy")
    (folder / "service.toml").write_text("broken")
    after_a_mistake = client.get("/privacy")

    assert "One more line." in changed.text
    assert changed.headers["ETag"] != tag
    assert after_a_mistake.data == changed.data


# -- leaving -----------------------------------------------------------------------------------------------


def test_leaving_works_without_script_and_makes_the_browser_forget(calm, content):
    answer = calm.get("/exit")

    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert (answer.status_code, answer.headers["Location"]) == (303, content.facts["exit_url"].link)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert set(cookie.split("; ")) == {
        *("clear=1", "Max-Age=1", "Secure"),
        *("HttpOnly", "SameSite=Strict", "Path=/"),
    }


def test_the_way_out_can_be_changed_by_no_address(calm, content):
    answer = calm.get("/exit?to=https://evil.example&url=https://evil.example")

    assert answer.headers["Location"] == content.facts["exit_url"].link


# -- health ------------------------------------------------------------------------------------------------


def word(client) -> tuple[int, str]:
    answer = client.get("/readyz")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.text.splitlines()[0]


def test_a_site_in_order_is_alive_and_ready(client):
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    assert word(client) == (200, "ok")


def test_mail_that_waits_a_quarter_of_an_hour_makes_it_unready(client):
    send(client, A)
    now = time.time()

    with time_machine.travel(now + 14 * 60, tick=False):
        soon = word(client)
    with time_machine.travel(now + 16 * 60, tick=False):
        late = word(client)

    assert (soon, late) == ((200, "ok"), (503, "mail"))


def test_a_full_outbox_makes_it_unready(tmp_path):
    client = create_app(
        Settings.load(mode="development", data_dir=tmp_path, outbox_max_waiting=1)
    ).test_client()
    send(client, A)

    assert word(client) == (503, "outbox")


def test_a_broken_database_makes_it_unready_and_not_dead(app, client, settings):
    services_of(app).outbox.engine.dispose()
    for path in settings.data_dir.glob("outbox.sqlite3*"):
        path.unlink()
    (settings.data_dir / "outbox.sqlite3").mkdir()

    assert word(client) == (503, "database")
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 200


def test_a_site_without_pages_is_unready(tmp_path):
    folder = tmp_path / "content"
    shutil.copytree(SERVICE, folder)
    shutil.rmtree(folder / "pages")
    site = create_app(Settings.load(mode="development", data_dir=tmp_path / "var", content_dir=folder))

    assert word(site.test_client()) == (503, "content")


# -- logs --------------------------------------------------------------------------------------------------

LINE = re.compile(r"(GET|POST|HEAD) /[^\s?]* \d{3} \d+")


def test_a_request_is_one_line_without_query_address_browser_or_answers(client, caplog):
    caplog.set_level(logging.INFO)
    visitor = {"REMOTE_ADDR": "192.0.2.99"}
    agent = {
        "User-Agent": "SpyBrowser/1",
        "Referer": "http://before.example/",
        "X-Forwarded-For": "192.0.2.98",
    }
    client.get("/privacy?secret=query", environ_base=visitor, headers=agent)
    send(client, A, environ_base=visitor, headers=agent)
    send(client, A, {"phone": "my secret number"}, environ_base=visitor, headers=agent)
    client.get("/nowhere%0d%0aFAKE 200?x=1", environ_base=visitor, headers=agent)
    client.get("/", headers={"Host": "evil.example"})

    lines = [r.getMessage() for r in caplog.records if r.name == "rjsite.requests"]

    assert len(lines) == 5
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    for told in ("secret", "192.0.2", "SpyBrowser", "before.example", "evil", "Zofia", "01632", "shop", "?"):
        assert told not in caplog.text


def test_a_fault_of_our_own_is_logged_by_type_and_place_and_never_by_its_words(client, monkeypatch, caplog):
    caplog.set_level(logging.INFO)

    def fail(*_, **__):
        raise ValueError("Anna, 07700 900 982")

    monkeypatch.setattr(pages, "render_template", fail)

    answer = client.get("/privacy")

    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert answer.status_code == 500
    assert "Anna" not in caplog.text + answer.text
    assert len(errors) == 1
    assert re.fullmatch(r"ValueError at web/pages\.py:\d+ \(pages\.page\)", errors[0])
    assert [r for r in caplog.records if r.exc_info] == []


def test_a_fault_in_every_template_still_names_the_phone(app, client, content, monkeypatch):
    def fail(*_, **__):
        raise ValueError

    monkeypatch.setattr("rjsite.web.pages.render_template", fail)
    monkeypatch.setattr("rjsite.web.errors.render_template", fail)

    answer = client.get("/privacy")

    assert answer.status_code == 500
    assert content.facts["phone"].value in answer.text


def test_the_site_map_leads_to_every_page_and_story(calm, content):
    listed = {page.address for page in [*content.pages.values(), *content.form_pages.values()] if page.listed}
    wanted = {*listed, *content.forms, *(story.address for story in content.stories)}

    assert wanted - set(re.findall(r'href="([^"]+)"', calm.get("/site-map").text)) == set()


def test_an_address_for_which_nothing_stands_any_more_says_that_it_is_gone(tmp_path):
    folder = tmp_path / "content"
    shutil.copytree(SERVICE, folder)
    with (folder / "redirects.toml").open("a") as file:
        file.write('"/case-studies/taken-down" = "gone"\n')
        file.write('"/case-studies/the-shop-window" = "gone"\n')  # not yet: it is still there
    with (folder / "pages" / "questions.md").open("a") as file:
        file.write("\n[One](/case-studies/taken-down) and [two](/case-studies/the-shop-window).\n")
    site = create_app(Settings.load(mode="development", data_dir=tmp_path / "var", content_dir=folder))

    answer = site.test_client().get("/case-studies/taken-down/")

    assert answer.status_code == 410
    assert PHONE in answer.text
    linking = site.test_client().get("/questions").text
    assert 'One and <a href="/case-studies/the-shop-window">two</a>.' in linking
