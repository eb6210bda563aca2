"""URLs of webhooks: https to the open internet, and hosts that the operator allows.

A client names a URL that this machine calls: it must not reach hosts that only this machine can
reach (server-side request forgery, SSRF).
"""

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from media.errors import NamedError

MAX_URL_LENGTH = 2000
PORTS = {"https": 443, "http": 80}
PUBLIC_PORTS = (443, 8443)  # others answer to other protocols, which a request can be made to speak

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
# Public by its number, but only ever answered within Microsoft's cloud.
_WIRE_SERVER = ipaddress.IPv4Address("168.63.129.16")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out
# What IANA's registries of special addresses have and `ipaddress` lacks in some Pythons from 3.11
# on: protocol assignments (Teredo among them), documentation (RFC 9637), relays of 6to4, 6bone.
_SPECIAL = [
    ipaddress.ip_network(each)
    for each in ("2001::/23", "3fff::/20", "3ffe::/16", "192.0.0.0/24", "192.88.99.0/24")
]


@dataclass(frozen=True)
class Destination:
    """A URL taken apart; `target` is its path and query."""

    scheme: str
    host: str
    port: int
    target: str
    allowed: bool  # by name, by the operator

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str, allowed: str = "") -> Destination:
    """Take a URL apart and say whether it may be called as far as it tells by itself.

    `allowed` are hosts, or host:port, with commas between: they may be private, and plain http.
    Raises NamedError `bad-webhook`.
    """
    if (
        len(url) > MAX_URL_LENGTH
        or not url.isascii()
        or not url.isprintable()
        or set(url) & set(" \\")
    ):
        raise _bad(
            f"it must be at most {MAX_URL_LENGTH} printable ASCII characters, without spaces"
        )
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise _bad(str(error)) from None
    host = parts.hostname
    if parts.scheme not in PORTS or not host:
        raise _bad("it must begin with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise _bad("it must not hold a name and password; sign with a secret instead")
    listed = {each.strip().lower() for each in allowed.split(",")} - {""}
    destination = Destination(
        parts.scheme, host, port, _target(parts), not listed.isdisjoint({host, f"{host}:{port}"})
    )
    if parts.scheme != "https" and not destination.allowed:
        raise _bad("it must begin with https://")
    if not destination.allowed and port not in PUBLIC_PORTS:
        raise _bad("its port must be 443 or 8443")
    if (literal := _literal(host)) and not (destination.allowed or is_public(literal)):
        raise _bad("this address is not on the open internet")
    return destination


def resolve(destination: Destination) -> str:
    """Resolve the host once, and return the IP address to connect to (no DNS rebinding).

    All addresses of a host must be public unless it is allowed: a name with public and private
    addresses is an attack. Raises NamedError `webhook-not-allowed`, `webhook-unreachable`.
    """
    try:
        found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise unreachable(f"The host {destination.host!r} is not known") from None
    addresses = [str(place[4][0]) for place in found]
    if not destination.allowed and not _all_public(addresses):
        raise NamedError(
            "webhook-not-allowed",
            f"The host {destination.host!r} leads to an address that is not on the open internet.",
            "Give a public host, or let the operator list it in WEBHOOK_ALLOW.",
        )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, seen through what may be wrapped in it."""
    if isinstance(address, ipaddress.IPv6Address):
        if (inner := _embedded(address)) is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    special = address.is_multicast or address.is_reserved or address == _WIRE_SERVER
    return address.is_global and not special and not any(address in each for each in _SPECIAL)


def unreachable(what: str) -> NamedError:
    return NamedError(
        "webhook-unreachable",
        f"{what}.",
        "See whether the address is right and answers from elsewhere; it is tried again.",
    )


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _all_public(addresses: Collection[str]) -> bool:
    return all(is_public(ipaddress.ip_address(address)) for address in addresses)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _bad(why: str) -> NamedError:
    return NamedError(
        "bad-webhook",
        f"The webhook's URL cannot be used: {why}.",
        "Give an https address that the open internet can reach.",
    )
