"""The helpers that other tests rely on work, and can fail."""

from __future__ import annotations

import os
import signal
import smtplib
import ssl
from collections.abc import Callable
from urllib.request import urlopen

import psycopg
import pytest
from playwright.sync_api import Page

from support import mail
from support.authority import Authority
from support.browser import assert_axe_clean, axe_faults, press_back
from support.firefox import Firefox
from support.mail import MailServer, SilentServer
from support.markup import markup_errors
from support.nginx import Nginx
from support.site_process import Site

LETTER = "Subject: Hello\r\n\r\nA letter.\r\n"
STATIC = "server { listen ${address}; location = / { return 200 'PAGE'; } location = /b { return 200 'B'; } }"
GOOD_PAGE = """<!doctype html><html lang="en"><head><title>Page</title></head>
<body><main><h1>Page</h1><p id="a">Words</p></main></body></html>"""


def send(server: MailServer, context: ssl.SSLContext) -> None:
    """Send one email as a careful client does."""
    with smtplib.SMTP("localhost", server.port, timeout=10) as client:
        client.starttls(context=context)
        if server.login:
            client.login(*server.login)
        client.sendmail("website@example.org", ["team@example.org"], LETTER)


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    """Return a TLS context that trusts only this test run's authority."""
    return ssl.create_default_context(cafile=authority.ca_file)


def test_mail_is_taken_under_tls_only(mail_server: MailServer, trusting: ssl.SSLContext):
    with smtplib.SMTP("localhost", mail_server.port) as client, pytest.raises(smtplib.SMTPException):
        client.sendmail("website@example.org", ["team@example.org"], LETTER)

    send(mail_server, trusting)

    (received,) = mail_server.wait_for()
    assert received.recipients == ("team@example.org",)
    assert received.message["Subject"] == "Hello"
    assert received.text.strip() == "A letter."


@pytest.mark.parametrize("certificate", [mail.WRONG_NAME, mail.SELF_SIGNED])
def test_a_wrong_certificate_is_seen(start_mail_server, trusting: ssl.SSLContext, certificate: str):
    server = start_mail_server(certificate=certificate)

    with pytest.raises(ssl.SSLCertVerificationError):
        send(server, trusting)

    assert server.received == []


def test_the_mail_server_comes_back_on_the_same_port(mail_server: MailServer, trusting: ssl.SSLContext):
    mail_server.stop()
    with pytest.raises(OSError, match="refused"):
        send(mail_server, trusting)

    mail_server.start()
    send(mail_server, trusting)

    assert len(mail_server.wait_for()) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"reply_to_data": "451 Try later"}, smtplib.SMTPDataError),
        ({"reply_to_recipient": "550 No such person"}, smtplib.SMTPRecipientsRefused),
    ],
)
def test_the_mail_server_refuses_when_told(
    start_mail_server, trusting: ssl.SSLContext, reply: dict[str, str], error: type[Exception]
):
    server = start_mail_server(**reply)
    with pytest.raises(error):
        send(server, trusting)
    assert server.received == []


def test_the_mail_server_hangs_up_when_told(mail_server: MailServer, trusting: ssl.SSLContext):
    mail_server.hang_up = True
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail_server, trusting)
    assert len(mail_server.received) == 1


def test_a_wrong_password_is_refused(start_mail_server, trusting: ssl.SSLContext):
    server = start_mail_server(login=("site", "secret"))
    with smtplib.SMTP("localhost", server.port) as client:
        client.starttls(context=trusting)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("site", "wrong")
    send(server, trusting)
    assert len(server.received) == 1


def test_implicit_tls(start_mail_server, trusting: ssl.SSLContext):
    server = start_mail_server(encryption=mail.IMPLICIT)
    with smtplib.SMTP_SSL("localhost", server.port, context=trusting) as client:
        client.sendmail("website@example.org", ["team@example.org"], LETTER)
    assert len(server.received) == 1


def test_the_silent_server_says_nothing():
    with SilentServer() as server, pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        smtplib.SMTP("localhost", server.port, timeout=0.2)


def test_each_postgres_database_is_empty(postgres_url: str, postgres):
    for url in (postgres_url, postgres.new_database()):
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE once (id int)")


def test_redis_is_empty(redis_url: str):
    import redis

    with redis.Redis.from_url(redis_url) as client:
        assert client.keys() == []
        assert client.set("key", "value")


def test_nginx_answers_as_configured(start_nginx: Callable[..., Nginx]):
    nginx = start_nginx(STATIC.replace("PAGE", "hello"))
    assert urlopen(nginx.base_url).read() == b"hello"


def test_a_site_that_was_killed_comes_back_in_the_same_place(start_site: Callable[..., Site]):
    site = start_site()
    first = site.process_id
    site.kill()
    with pytest.raises(OSError, match="refused"):
        urlopen(site.base_url)

    site.restart()

    assert urlopen(site.base_url).status == 200
    assert site.process_id != first
    assert site.run("outbox", "list").returncode == 0
    assert site.terminate() == 0


def test_a_command_is_a_process_of_its_own_that_says_and_ends_as_it_does(start_site: Callable[..., Site]):
    site = start_site()
    wrong, worker = site.run("nothing"), site.begin("deliver")

    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "No such command 'nothing'" in wrong.stderr
    assert os.getpgid(worker.process.pid) == worker.process.pid != site.process_id
    assert worker.stop(signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(worker.process.pid, 0)


def test_a_site_that_cannot_start_says_why(start_site: Callable[..., Site]):
    with pytest.raises(RuntimeError, match="RJSITE_SECRET_KEY"):
        start_site(RJSITE_MODE="production")


def test_markup_faults_are_found():
    assert markup_errors(GOOD_PAGE) == []
    assert markup_errors(GOOD_PAGE.replace("</p>", "</div>"))


@pytest.fixture
def page_address(start_nginx: Callable[..., Nginx]) -> str:
    """Serve a page, and return its address."""
    page = GOOD_PAGE.replace("\n", " ")
    http = STATIC.replace("PAGE", page + '<script>document.title = "Changed"</script>')
    return start_nginx("default_type text/html; " + http).base_url


def test_chromium_runs_script_and_axe(page: Page, page_address: str):
    page.goto(page_address)

    assert page.title() == "Changed"
    assert_axe_clean(page)

    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert "html-has-lang" in axe_faults(page)[0]


@pytest.mark.no_script
def test_chromium_without_script(page: Page, page_address: str):
    page.goto(page_address)
    assert page.title() == "Page"
    assert_axe_clean(page)

    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert "html-has-lang" in axe_faults(page)[0]


def test_chromium_keeps_pages_for_back(whole: Page, page_address: str):
    whole.goto(page_address)
    whole.evaluate("addEventListener('pageshow', event => { window.kept = event.persisted })")
    whole.goto(page_address + "/b")
    press_back(whole)
    assert whole.evaluate("window.kept") is True


def test_firefox_goes_back(firefox: Firefox, page_address: str):
    firefox.new_tab(close=True)
    firefox.goto(page_address)
    assert firefox.run("return document.title") == "Changed"
    firefox.run("document.body.dataset.kept = 'yes'")
    firefox.goto(page_address + "/b")
    firefox.back()
    assert firefox.url == page_address + "/"
    assert firefox.run("return document.body.dataset.kept") == "yes"
    assert firefox.screenshot().startswith(b"\x89PNG")


def test_firefox_without_script(firefox: Firefox, page_address: str):
    firefox.new_tab(script=False, close=True)
    firefox.goto(page_address)
    assert "<title>Page</title>" in firefox.source
