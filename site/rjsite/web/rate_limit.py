"""Limits how many forms each network may send.

The limit is the setting `ratelimit_forms` (`rjsite/settings/__init__.py`). The network's address is not
stored: a keyed hash that changes daily takes its place.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ParamSpec, TypeVar, cast

from flask import Flask, request
from flask_limiter import Limiter
from limits import parse_many
from limits.storage import MemoryStorage, storage_from_string

from rjsite.settings import Settings
from rjsite.web.client_address import client_address, network_of
from rjsite.web.rate_limit_storage import SlidingWindows

RETRY_STORE = 10.0  # seconds of counting in memory before the storage is tried again
WIDER = 100  # how many times higher the limit is for all visitors without a readable address together
NOT_READ = (
    "a visitor's network address cannot be read: is RJSITE_TRUSTED_PROXIES the number of proxies, and does "
    "each of them append to X-Forwarded-For?"
)

log = logging.getLogger("rjsite.limits")

P = ParamSpec("P")
R = TypeVar("R")


def network_key(network: str, key: str) -> str:
    """Return a keyed hash of a network, salted with the date."""
    day = datetime.now(UTC).date().isoformat()
    return hmac.new(key.encode(), f"{day}/{network}".encode(), hashlib.sha256).hexdigest()[:32]


class StorageWithFallback(SlidingWindows):
    """Counts in a storage or, while it is unavailable, in the memory of this process.

    Neither is opened before the first form is counted. Flask-Limiter's own fallback starts a thread in
    `create_app`, checks ever more rarely whether the storage is back, and counts nothing if a check fails.

    Args:
        uri: not used; its scheme tells Flask-Limiter to use this class.
        store: the URI of the storage, in the format of `limits`.
    """

    STORAGE_SCHEME = ["with-fallback"]  # noqa: RUF012

    def __init__(self, uri: str, wrap_exceptions: bool = False, *, store: str, **_: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._uri = store
        self._retry_store_at = -math.inf

    @cached_property
    def _store(self) -> SlidingWindows:
        # without these timeouts, a request could wait for Redis for ever
        patience = {"socket_connect_timeout": 1, "socket_timeout": 1}
        return cast(SlidingWindows, storage_from_string(self._uri, **patience))

    @cached_property
    def _memory(self) -> MemoryStorage:
        return MemoryStorage()  # this starts a thread

    def _call(self, operation: Callable[[SlidingWindows | MemoryStorage], R]) -> R:
        if time.monotonic() >= self._retry_store_at:
            try:
                return operation(self._store)
            except Exception as error:  # each storage raises its own errors, whose messages may name it
                log.error("forms are counted in memory: the store failed (%s)", type(error).__name__)
                self._retry_store_at = time.monotonic() + RETRY_STORE
        return operation(self._memory)

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if the limit allows this, and return whether it was counted."""
        return self._call(lambda storage: storage.acquire_sliding_window_entry(key, limit, expiry, amount))

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return the counts of the previous and current windows, with the seconds until each expires."""
        return self._call(lambda storage: storage.get_sliding_window(key, expiry))


def make_limiter(app: Flask, settings: Settings) -> Limiter:
    """Return a new limiter for an app. The limiter counts only calls to functions that `limited` returned.

    Each app has its own, because a limiter counts in the storage of the app that was last passed to
    `init_app`. One limiter at module level could not serve two apps in one process.
    """

    def key() -> str:
        network = _network(settings)
        if not network:
            log.warning(NOT_READ)
        return network_key(network, settings.secrets[0])

    limiter = Limiter(
        key,
        strategy="sliding-window-counter",
        storage_uri="with-fallback://",
        storage_options={"store": settings.limits_url},
        enabled=settings.ratelimit_forms != "off",
    )
    limiter.init_app(app)
    return limiter


def limited(limiter: Limiter, settings: Settings, function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that calls the given one, but only up to the limit for each network.

    Visitors whose address cannot be read are counted together. Their limit is much higher, so that it stops
    floods of forms but no ordinary visitor.

    Raises:
        RateLimitExceeded: if the returned function is called beyond the limit. `function` is then not called.
    """

    def allowed() -> str:
        wider = 1 if _network(settings) else WIDER
        limits = parse_many(settings.ratelimit_forms)
        return ";".join(f"{one.amount * wider} per {one.multiples} {one.GRANULARITY.name}" for one in limits)

    return limiter.shared_limit(allowed, scope="forms")(function)


def _network(settings: Settings) -> str:
    return network_of(client_address(request.environ, settings.trusted_proxies))


def seconds_to_wait(limiter: Limiter) -> int:
    """Return how many seconds a client that exceeded the limit has to wait.

    Flask-Limiter's own Retry-After header comes with other headers, which would reveal to anyone on the same
    network that somebody sent a form.
    """
    exceeded = limiter.current_limit
    return max(1, math.ceil(exceeded.reset_at - time.time())) if exceeded else 1
