"""The network address of a visitor, as the server or the trusted proxies report it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from wsgiref.types import WSGIEnvironment

# networks of IPv6 addresses that contain an IPv4 address (RFC 4291, section 2.5.5.2; RFC 6052, section 2.1)
_IPV4_INSIDE = (ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96"))
_FOR = re.compile(r"(?:^|;)\s*for\s*=\s*([^;]*)", re.IGNORECASE)  # in Forwarded: RFC 7239, section 4
_PORT = re.compile(r":[0-9]*$")


def client_address(environ: WSGIEnvironment, trusted_proxies: int) -> str:
    """Return the reported address that a request came from, or an empty string if none is reported.

    Each trusted proxy appends the address of its own client, so the address is found by counting from the
    right. The visitor may have invented everything to the left of it. The header is split at every comma,
    even within quotes, because otherwise an opening quote from the visitor could swallow what the proxies
    appended.

    Args:
        environ: the WSGI environment.
        trusted_proxies: the number of proxies in front of the site.
    """
    if not trusted_proxies:
        return str(environ.get("REMOTE_ADDR", ""))
    hops: Sequence[str] = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if hops == [""]:
        forwarded = (_FOR.search(hop) for hop in environ.get("HTTP_FORWARDED", "").split(","))
        hops = [match[1] if match else "" for match in forwarded]
    return hops[-trusted_proxies] if len(hops) >= trusted_proxies else ""


def network_of(text: str) -> str:
    """Return the network of an address, or an empty string if the text is not an address.

    The network of an IPv4 address (even within an IPv6 address) or link-local address is the address itself.
    The network of any other IPv6 address is its /64, because a household or a phone usually has a whole /64.

    Args:
        text: an address as proxies write it, with or without a port, brackets, quotes, spaces or a zone.
    """
    text = text.strip(' \t"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    text = text.partition("%")[0]  # a zone such as %eth0
    address = _address(text) or _address(_PORT.sub("", text))
    if address is None:
        return ""
    if address.version == 6:
        if any(address in network for network in _IPV4_INSIDE):
            return str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if not address.is_link_local:  # all link-local addresses share one /64
            return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
