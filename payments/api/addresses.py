"""Whose address a request comes from, when proxies stand in front of us."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

_Address = IPv4Address | IPv6Address


def client_address(request: HttpRequest) -> str:
    """The caller's address: the last one in `X-Forwarded-For` that no trusted proxy wrote.

    Reading from the right means that a caller cannot choose it. Empty where the server tells
    none (a unix socket without a trusted proxy).
    """
    direct = _parsed(request.META.get("REMOTE_ADDR", ""))
    if direct is None or not _is_trusted(direct):
        return str(direct or "")
    for text in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        hop = _parsed(text)
        if hop is None:
            break
        if not _is_trusted(hop):
            return str(hop)
        direct = hop
    return str(direct)


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of these networks (IPv4 or IPv6, single or CIDR)."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in net for net in _networks(tuple(networks)))


def _parsed(text: str) -> _Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _is_trusted(address: _Address) -> bool:
    return any(address in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(text, strict=False) for text in texts]
