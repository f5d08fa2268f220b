"""Where a request comes from. A header is believed only from a proxy that the settings name."""

from __future__ import annotations

import ipaddress
from functools import cache

from django.conf import settings
from django.http import HttpRequest

SOCKET = "unix"  # in TRUSTED_PROXIES: a proxy that speaks through a unix socket, which has no address


def client_address(request: HttpRequest) -> str:
    """Return the client's address, or an empty string where nobody trustworthy says it.

    ``X-Forwarded-For`` is read from the right: the last address that is not a trusted proxy's is the
    client's; everything left of it could have been made up.
    """
    nearest: str = request.META.get("REMOTE_ADDR", "")
    if not _is_trusted(nearest):
        return nearest
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    for hop in reversed([part.strip() for part in forwarded if part.strip()]):
        if not _is_address(hop):
            break
        nearest = hop
        if not _is_trusted(hop):
            break
    return nearest


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str) -> bool:
    if not address:
        return SOCKET in settings.TRUSTED_PROXIES
    if not _is_address(address):
        return False
    ip = ipaddress.ip_address(address)
    return any(ip in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


@cache
def _networks(proxies: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(proxy, strict=False) for proxy in proxies if proxy != SOCKET]
