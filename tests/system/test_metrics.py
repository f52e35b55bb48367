"""The metrics are correct, are served on their own port, and reveal nothing about anybody."""

from __future__ import annotations

from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families

from support.forms import CONTACT, GOOD, A
from support.mail import MailServer
from support.processes import LOOPBACK, free_port, listens, wait_until
from support.site_process import Site
from support.visitor import Visitor


def figures(port: int) -> dict[str, float]:
    """Read the metrics as Prometheus does."""
    with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"] == CONTENT_TYPE_LATEST
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    return {f"{sample.name}{sample.labels.get('form', '')}": sample.value for sample in samples}


def forms(found: dict[str, float]) -> list[float]:
    return sorted(value for name, value in found.items() if name.startswith("rjsite_forms_total"))


def test_forms_are_counted_by_kind_with_what_waits_and_was_refused(
    start_site: Callable[..., Site], mail_server: MailServer
) -> None:
    mail_server.reply_to_data = "554 No"
    port = free_port()
    site = start_site(**mail_server.settings(), RJSITE_METRICS_PORT=str(port))
    visitor = Visitor(site.base_url)
    assert forms(figures(port)) == [0, 0, 0, 0]
    assert visitor.get("/metrics").status == 404  # the metrics have their own port

    token = visitor.token(A)
    assert [visitor.send(GOOD[A], A, token).status for _ in range(2)] == [303, 303]  # one form, sent twice
    assert visitor.send(GOOD[A], A).status == visitor.send(GOOD[CONTACT], CONTACT).status == 303
    wait_until(lambda: figures(port)["rjsite_waiting_refused"] == 3, "three refusals")
    wait_until(lambda: figures(port)["rjsite_waiting_oldest_seconds"] > 0, "the first to be a second old")
    found = figures(port)

    assert forms(found) == [0, 0, 1, 2]
    assert found["rjsite_waiting"] == 3
    assert found["rjsite_waiting_oldest_seconds"] < 60


def test_a_database_that_is_away_is_told(start_site: Callable[..., Site]) -> None:
    port = free_port()
    start_site(
        RJSITE_METRICS_PORT=str(port),
        RJSITE_DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=2",
    )

    with pytest.raises(HTTPError, match="503"):
        figures(port)


@pytest.mark.parametrize(
    ("taken", "free", "named"),
    [
        ("PORT", "RJSITE_METRICS_PORT", "127.0.0.1 (HOST), port {} (PORT)"),
        ("RJSITE_METRICS_PORT", "PORT", "port {} (RJSITE_METRICS_PORT)"),
    ],
)
def test_a_port_that_is_taken_is_said_at_the_start(
    start_site: Callable[..., Site], taken: str, free: str, named: str
) -> None:
    site = start_site()
    site.env |= {taken: str(site.port), free: str(free_port())}

    refused = site.run("serve", seconds=20)

    assert refused.returncode == 1
    said = f"That did not work: {named.format(site.port)}: Address already in use.\n"
    assert refused.stderr.endswith(said)
    assert listens(site.port)
