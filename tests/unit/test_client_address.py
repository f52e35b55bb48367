"""Different people are counted separately and one person as one, however a trusted proxy writes addresses."""

from __future__ import annotations

import pytest

from rjsite.web.client_address import client_address, network_of


def network(trusted_proxies: int, **environ: str) -> str:
    """Return the network of a visitor whose request came through a proxy on this machine."""
    return network_of(client_address({"REMOTE_ADDR": "127.0.0.1", **environ}, trusted_proxies))


@pytest.mark.parametrize(
    "written",
    [
        "198.51.100.1",
        "198.51.100.1:50001",
        "198.51.100.1:50002",
        "198.51.100.1:",
        " 198.51.100.1 ",
        "\t198.51.100.1:50001",
        '"198.51.100.1"',
        '"198.51.100.1:50001"',
        "[198.51.100.1]:50001",
        "::ffff:198.51.100.1",
        "::FFFF:c633:6401",
        "[::ffff:198.51.100.1]:50001",
        "64:ff9b::198.51.100.1",
    ],
)
def test_one_person_with_an_ipv4_address_is_one_network(written):
    assert network_of(written) == "198.51.100.1"


@pytest.mark.parametrize(
    "written",
    [
        "2001:db8:1:2::1",
        "2001:DB8:0001:2::2",
        "2001:db8:1:2:ffff::9",
        "[2001:db8:1:2::1]",
        "[2001:db8:1:2::1]:443",
        '"[2001:db8:1:2::1]:443"',
        "2001:db8:1:2::1%eth0",
        "[2001:db8:1:2::1%25eth0]:443",
        "2001:db8:1:2:0:0:0:1:50001",
    ],
)
def test_a_household_with_an_ipv6_network_is_one_network(written):
    assert network_of(written) == "2001:db8:1:2::/64"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("192.0.2.1:50001", "192.0.2.2:50001"),
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1"),
        ("::ffff:192.0.2.1", "::ffff:198.51.100.7"),
        ("64:ff9b::192.0.2.1", "64:ff9b::198.51.100.7"),
        ("fe80::1%eth0", "fe80::2%eth0"),
        ("[fe80::1%eth0]:1", "[fe80::2%eth0]:1"),
    ],
)
def test_different_people_are_different_networks(one, two):
    assert "" != network_of(one) != network_of(two) != ""


@pytest.mark.parametrize(
    "written",
    ["", " ", "unknown", "_hidden", "_SEVKISEK:443", "localhost", "999.1.1.1", "[", "[]:1", ":50001", "1:2"],
)
def test_what_is_no_address_is_no_network(written):
    assert network_of(written) == ""


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.66, 203.0.113.9:1024", "203.0.113.9"),
        (2, "203.0.113.9, 198.51.100.2", "203.0.113.9"),
        (2, "192.0.2.66,203.0.113.9:7 ,  [2001:db8::7]:8", "203.0.113.9"),
        (3, "203.0.113.9, 198.51.100.2, 198.51.100.3", "203.0.113.9"),
        (2, "203.0.113.9", ""),  # it bypassed a proxy, so no trusted one names the visitor
        (1, "", ""),
        (1, "203.0.113.9, ", ""),  # the proxy did not know the address
        (1, "203.0.113.9, unknown", ""),
        (2, "203.0.113.9, unknown", "203.0.113.9"),
        (1, '"192.0.2.66, 203.0.113.9', "203.0.113.9"),  # the visitor opened a quote
        (1, "192.0.2.66, , 203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_trusted_proxies_alone_say_who_asks(proxies, header, expected):
    assert network(proxies, HTTP_X_FORWARDED_FOR=header) == expected


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (1, "for=203.0.113.9", "203.0.113.9"),
        (1, "proto=https; For=203.0.113.9;by=198.51.100.2", "203.0.113.9"),
        (1, 'for="203.0.113.9:50001"', "203.0.113.9"),
        (1, 'for=192.0.2.66, for="[2001:db8:1:2::1]:50001"', "2001:db8:1:2::/64"),
        (2, "for=203.0.113.9, for=198.51.100.2;proto=https", "203.0.113.9"),
        (1, "for=unknown", ""),
        (1, "for=_hidden, for=_gazonk", ""),
        (1, "proto=https", ""),
    ],
)
def test_a_proxy_may_write_the_standard_header_instead(proxies, header, expected):
    assert network(proxies, HTTP_FORWARDED=header) == expected


def test_a_visitor_cannot_overrule_the_proxy_with_the_other_header():
    headers = {"HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_FORWARDED": "for=192.0.2.66"}

    assert network(1, **headers) == "203.0.113.9"


def test_without_a_proxy_no_header_counts():
    headers = {"HTTP_X_FORWARDED_FOR": "192.0.2.66", "HTTP_FORWARDED": "for=192.0.2.66"}

    assert network(0, **headers) == "127.0.0.1"


def test_a_server_on_a_socket_without_addresses_names_no_network():
    assert network(0, REMOTE_ADDR="") == ""
