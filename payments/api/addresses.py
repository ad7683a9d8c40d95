"""Whose address a request comes from, when proxies stand in front of us."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

_Address = IPv4Address | IPv6Address
# Only the end of a list of hops is read, and strangers may write at its beginning.
_LONGEST = 512
_HOUSEHOLD = 64


def client_address(request: HttpRequest) -> str:
    """The caller's address: the last one in `X-Forwarded-For` that no trusted proxy wrote.

    Reading from the right means that a caller cannot choose it. Empty where the server tells
    none (a unix socket without a trusted proxy).
    """
    told = request.META.get("HTTP_X_FORWARDED_FOR", "")[-_LONGEST:]
    trusted = tuple(settings.TRUSTED_PROXIES)
    return _caller_behind(request.META.get("REMOTE_ADDR", ""), told, trusted)


def counted_address(request: HttpRequest) -> str:
    """What limits go by: one household has a whole /64 of IPv6 to choose addresses from."""
    return counted(client_address(request))


def counted(text: str) -> str:
    """The same for an address that is written down; any other text is answered as it is."""
    address = _parsed(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _HOUSEHOLD), strict=False))
    return str(address or text)


@lru_cache(maxsize=1024)
def _caller_behind(remote: str, forwarded: str, trusted: tuple[str, ...]) -> str:
    """Asked several times for each request, and the callers are few."""
    direct = _parsed(remote)
    if direct is None or not _is_one_of(direct, trusted):
        return str(direct or "")
    for text in reversed(forwarded.split(",")):
        hop = _parsed(text)
        if hop is None:
            break
        if not _is_one_of(hop, trusted):
            return str(hop)
        direct = hop
    return str(direct)


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of these networks (IPv4 or IPv6, single or CIDR)."""
    parsed = _parsed(address)
    return parsed is not None and _is_one_of(parsed, tuple(networks))


def _parsed(text: str) -> _Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _is_one_of(address: _Address, networks: tuple[str, ...]) -> bool:
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(text, strict=False) for text in texts]
