"""Nobody may send this machine where only this machine can go."""

import ipaddress
import socket

import pytest

from jobs.webhook_url import is_public, parse, resolve
from media.errors import NamedError


def refusal(url: str, allowed: str = "") -> str:
    with pytest.raises(NamedError) as error:
        resolve(parse(url, allowed))
    return error.value.code


def test_a_url_is_taken_apart() -> None:
    place = parse("https://hooks.example.com/a/b?c=d%20e#f")
    assert (place.host, place.port, place.target) == ("hooks.example.com", 443, "/a/b?c=d%20e")
    assert place.authority == "hooks.example.com"
    assert parse("https://hooks.example.com:8443").authority == "hooks.example.com:8443"
    assert parse("https://[2606:4700::1111]:8443/").authority == "[2606:4700::1111]:8443"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com/here",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https:///path",
        "https://name:password@hooks.example.com/",
        "https://hooks.example.com:port/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:22/",
        "https://[::1/",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nHost: other",
        "https://höks.example.com/",
        "https://hooks.example.com/" + "a" * 2000,
    ],
)
def test_what_is_no_https_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(NamedError) as error:
        parse(url)
    assert error.value.code == "bad-webhook"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",  # the metadata of most clouds
        "168.63.129.16",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:db8::1]",
        "[2001::1]",  # Teredo
        "[3fff::1]",
        "[5f00::1]",
        "[64:ff9b:1::1]",
        "192.88.99.1",
        # Other spellings of 127.0.0.1, which the system understands.
        "2130706433",
        "0x7f.1",
        "127.1",
        "localhost",
    ],
)
def test_addresses_that_are_not_on_the_open_internet_are_refused(host: str) -> None:
    assert refusal(f"https://{host}/") in ("bad-webhook", "webhook-not-allowed")


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_the_operator_may_allow_hosts_and_ports() -> None:
    assert resolve(parse("http://127.0.0.1:9000/", "other, 127.0.0.1")) == "127.0.0.1"
    assert resolve(parse("http://127.0.0.1:9000/", "127.0.0.1:9000")) == "127.0.0.1"
    assert refusal("https://127.0.0.1:9001/", "127.0.0.1:9000") == "bad-webhook"
    assert parse("https://hooks.example.com:9443/", "hooks.example.com:9443").port == 9443
    assert refusal("https://127.0.0.1/", "127.0.0.1.example.com") == "bad-webhook"


def test_a_name_that_leads_here_and_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers with a public and a private address: the answer is made up."""

    def answer(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (each, port)) for each in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert refusal("https://two.example.com/") == "webhook-not-allowed"


def test_a_host_that_nobody_knows_is_named() -> None:
    assert refusal("https://no-such-host.invalid/") == "webhook-unreachable"
