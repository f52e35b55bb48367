"""Metrics for Prometheus on the same machine: how many forms were accepted, and how many emails are waiting.

The metrics of the outbox cover all machines, while the forms are counted in this process only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from waitress.channel import HTTPChannel
from waitress.server import create_server
from werkzeug import Request, Response

from rjsite.outbox import operator
from rjsite.outbox.database import DATABASE_ERRORS
from rjsite.services import Services


class SiteCollector(Collector):
    """Collects the metrics whenever Prometheus asks."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def collect(self) -> Iterator[Metric]:
        """Yield the number of times this process has accepted each form, and figures about waiting mail.

        Raises:
            one of rjsite.outbox.database.DATABASE_ERRORS: if the database cannot be used.
        """
        forms = CounterMetricFamily("rjsite_forms", "Forms accepted by this process", labels=["form"])
        for form in self.services.content.now().forms.values():
            forms.add_metric([form.name], self.services.intake.accepted[form.name])
        queue = operator.queue_status(self.services.outbox)
        yield forms
        yield GaugeMetricFamily("rjsite_waiting", "Emails that wait", queue.mails)
        yield GaugeMetricFamily(
            "rjsite_waiting_refused", "Of these, refused with a permanent error", queue.refused
        )
        yield GaugeMetricFamily(
            "rjsite_waiting_oldest_seconds", "How long the oldest waits", round(queue.oldest)
        )


def serve(services: Services, port: int) -> None:
    """Serve the metrics on a loopback port, in a thread that runs as long as the process.

    Raises:
        OSError: if the port is already in use. Its `filename` names the port.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SiteCollector(services))

    @Request.application
    def answer(_request: Request) -> Response:
        try:
            return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
        except DATABASE_ERRORS:
            return Response("database\n", 503)

    try:
        server = create_server(answer, host="127.0.0.1", port=port, threads=1, ident=None)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"port {port} (RJSITE_METRICS_PORT)") from None
    server.channel_class = HTTPChannel  # the site's own class refuses other hosts
    threading.Thread(target=server.run, name="metrics", daemon=True).start()
