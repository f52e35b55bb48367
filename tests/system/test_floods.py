"""If many people send forms together, no form is lost or doubled, nobody is kept out, and pages are served.

`FORMS=5000 pytest tests/system/test_floods.py` sends the flood at its full size.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rjsite.forms.token import Signer
from support.databases import Redis
from support.forms import GOOD, A, Page, lost
from support.service import PHONE
from support.site_process import Site
from support.visitor import FORM_A, Visitor

FORMS = int(os.environ.get("FORMS", "120"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run one site behind one proxy for all tests in this module."""
    env = {
        "RJSITE_TRUSTED_PROXIES": "1",
        "RJSITE_DELIVER_PER_MINUTE": "120",
        "RJSITE_OUTBOX_MAX_WAITING": str(FORMS + 200),
        "RJSITE_SECRET_KEY": "the-key-of-the-floods-0123456789",
    }
    with Site(tmp_path_factory.mktemp("floods"), env) as running:
        yield running


def behind(site: Site, address: str) -> Visitor:
    return Visitor(site.base_url, X_Forwarded_For=address)


def tokens(count: int) -> list[str]:
    """Make tokens as the site does, because requesting each of them would be another flood."""
    signer = Signer(["the-key-of-the-floods-0123456789"], "a")
    return [signer.new_token() for _ in range(count)]


def memory(site: Site) -> int:
    """Return how many megabytes of memory the site's process uses."""
    status = Path(f"/proc/{site.process_id}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) // 1024


def rows(site: Site) -> list[str]:
    return site.run("outbox", "list").stdout.splitlines()


def test_a_hundred_posts_of_one_page_at_once_are_one_reference_and_one_mail(site: Site) -> None:
    token = behind(site, "198.51.100.1").token()

    def post(number: int):
        # from many addresses, so that the limit does not apply; it has its own test
        return behind(site, f"203.0.113.{number}").send(token=token)

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(post, range(100)))

    references = {behind(site, "198.51.100.1").reference(answer) for answer in answers[::20]}
    assert Counter(answer.status for answer in answers) == {303: 100}
    assert len(references) == 1
    (reference,) = references
    assert len([row for row in rows(site) if reference in row]) == 1


def test_changed_answers_in_a_race_all_reach_the_team_under_one_reference(site: Site) -> None:
    token = behind(site, "198.51.100.1").token()

    def post(number: int):
        words = {**FORM_A, "about": f"Version {number % 10}"}
        return behind(site, f"203.0.113.{number}").send(words, token=token)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(40)))

    assert {answer.status for answer in answers} == {303}
    reference = behind(site, "198.51.100.1").reference(answers[0])
    kept = [row for row in rows(site) if reference in row]
    assert 10 <= len(kept) <= 40  # each change at least once; changing an answer back counts as a change


def test_thirty_people_behind_one_address_send_and_the_next_keeps_every_answer(site: Site) -> None:
    wing = behind(site, "192.0.2.10")

    answers = [wing.send().status for _ in range(30)]
    refused = wing.send(GOOD[A])

    assert answers == [303] * 30
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 600
    assert lost(GOOD[A], Page(refused.text)) == {}
    assert wing.get("/").status == wing.get("/refer/a").status == 200


def test_of_sixty_forms_sent_at_once_from_one_address_exactly_thirty_are_taken(site: Site) -> None:
    fresh = tokens(60)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda token: behind(site, "198.51.100.77").send(token=token), fresh))

    assert Counter(answer.status for answer in answers) == {303: 30, 429: 30}


def test_a_forged_address_gains_nothing_and_harms_nobody(site: Site) -> None:
    """The proxy appends the real address. Everything before it may have been invented by the visitor."""
    statuses = [behind(site, f"10.9.8.{n}, 192.0.2.20").send().status for n in range(32)]

    victim = behind(site, "10.9.8.1").send()

    assert statuses == [303] * 30 + [429] * 2
    assert victim.status == 303


@pytest.mark.parametrize("claim", ["", "unknown", "'; DROP TABLE", "1.2.3.4:80", "::1%eth0", "9" * 5000, ","])
def test_an_address_that_is_none_stops_no_form(site: Site, claim: str) -> None:
    assert behind(site, claim).send().status == 303


def test_a_flood_from_many_addresses_is_taken_and_the_pages_still_answer(site: Site) -> None:
    before = memory(site)
    fresh = tokens(FORMS)
    took: list[float] = []

    def post(number: int) -> int:
        began = time.monotonic()
        answer = behind(site, f"100.{number % 200}.{number // 200}.7").send(
            {**FORM_A, "name": f"Ally {number}"}, token=fresh[number]
        )
        took.append(time.monotonic() - began)
        return answer.status

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(post, number) for number in range(FORMS)]
        pages = [behind(site, "198.51.100.2").get("/").status for _ in range(20)]
        statuses = Counter(one.result() for one in posts)
    seconds = time.monotonic() - began

    p95 = sorted(took)[int(len(took) * 0.95)]
    grown = memory(site) - before
    print(f"{FORMS} forms in {seconds:.1f} s, p95 {p95:.3f} s, {grown} MB more")
    assert statuses == {303: FORMS}
    assert pages == [200] * 20
    assert p95 < 3  # under 1 s on two cores with nothing else to do
    assert grown < 60
    assert len(site.mails) < 10 + 2 * (time.monotonic() - began + 60)  # the pace here is two emails a second


def test_beyond_what_may_wait_a_form_keeps_its_answers_and_names_the_phone(start_site) -> None:
    site = start_site(
        RJSITE_OUTBOX_MAX_WAITING="3", RJSITE_DELIVER_IN_SERVER="false", RJSITE_RATELIMIT_FORMS="off"
    )
    visitor = Visitor(site.base_url)

    statuses = [visitor.send().status for _ in range(3)]
    refused = visitor.send(GOOD[A])

    assert statuses == [303] * 3
    assert refused.status == 503
    assert lost(GOOD[A], Page(refused.text)) == {}
    assert PHONE in refused.text
    assert visitor.get("/readyz").text.splitlines()[0] == "outbox"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_store_of_counts_that_dies_or_hangs_stops_no_form(start_site, tmp_path, how) -> None:
    with Redis(tmp_path) as store:
        site = start_site(RJSITE_RATELIMIT_STORAGE_URI=store.url)
        visitor = Visitor(site.base_url)
        assert visitor.send().status == 303
        store.signal(how)

        began = time.monotonic()
        assert [visitor.send().status for _ in range(3)] == [303] * 3
        store.signal(signal.SIGCONT)

    assert time.monotonic() - began < 15
    assert "Traceback" not in site.log
