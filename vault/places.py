"""Where things lie that hold personal data or keys: what stores and key management services say of themselves."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from vault.errors import Unavailable, gettext_noop


@dataclass(frozen=True, slots=True)
class Place:
    """Where something lies that holds personal data or keys."""

    what: str  # "bucket vault", "replica bucket x", "key audio-2027-02", "key management server"
    region: str = ""  # as the provider names it; empty where regions mean nothing
    endpoint: str = ""  # host name; empty where the region decides


class PlaceUnknown(Unavailable):
    """It answers, but where something lies cannot be determined."""

    code = "place-unknown"
    title = gettext_noop("It cannot be determined where something lies")

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(detail)
        self.what = what


def is_this_machine(host: str) -> bool:
    """Say whether a host name or address is this machine's own. Others below ``localhost`` may be asked of DNS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
