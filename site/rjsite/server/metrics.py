"""Figures for a Prometheus on the same machine: how many forms came and wait; nothing of anybody.

The text is that of Prometheus' exposition format, version 0.0.4. Figures of the outbox are those of all
machines, forms taken those of this process.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from waitress.channel import HTTPChannel
from waitress.server import create_server
from werkzeug import Request, Response

from rjsite.outbox import operator
from rjsite.outbox.database import BROKEN
from rjsite.outbox.operator import Waiting
from rjsite.services import Services

TYPE = "text/plain; version=0.0.4; charset=utf-8"


def serve(services: Services, port: int) -> None:
    """Answer on a loopback port of its own, in a thread, for as long as the process lives.

    Raises:
        OSError: where the port is taken.
    """
    outbox, intake = services.outbox, services.intake
    for form in services.content.now().forms.values():
        intake.taken[form.name] += 0  # a counter that begins with 0 shows its first form

    @Request.application
    def answer(_request: Request) -> Response:
        try:
            return Response(figures(operator.waiting(outbox), dict(intake.taken)), content_type=TYPE)
        except BROKEN:
            return Response("database\n", 503)

    server = create_server(answer, host="127.0.0.1", port=port, threads=1, ident=None)
    server.channel_class = HTTPChannel  # that of the site knows the hosts of the site alone
    threading.Thread(target=server.run, name="metrics", daemon=True).start()


def figures(waiting: Waiting, taken: Mapping[str, int]) -> str:
    """The text; `taken` says for each form how many came."""
    forms = [(f'rjsite_forms_total{{form="{_escaped(form)}"}}', count) for form, count in taken.items()]
    gauges = [
        ("rjsite_waiting", waiting.mails),
        ("rjsite_waiting_refused", waiting.refused),
        ("rjsite_waiting_oldest_seconds", round(waiting.oldest)),
    ]
    types = ["# TYPE rjsite_forms_total counter", *(f"# TYPE {name} gauge" for name, _ in gauges)]
    return "\n".join([*types, *(f"{name} {value}" for name, value in sorted(forms) + gauges), ""])


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
