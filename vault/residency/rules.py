"""Which places are allowed: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from vault.places import Place, PlaceUnknown, is_this_machine


class Because(StrEnum):
    """Why something may not lie where it does."""

    REGION = "region"  # not one of the allowed regions
    ENDPOINT = "endpoint"  # not one of the allowed hosts
    UNKNOWN = "unknown"  # nobody says where it lies


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that lies where it may not, or nobody says where."""

    place: Place
    because: Because
    remedy: str = ""

    def __str__(self) -> str:
        """Return a sentence for whoever runs the vault."""
        match self.because:
            case Because.REGION:
                return f"{self.place.what} lies in {self.place.region}, which ALLOWED_REGIONS does not name."
            case Because.ENDPOINT:
                return (
                    f"{self.place.what} is at {self.place.endpoint}, which ALLOWED_ENDPOINTS does not name."
                )
            case Because.UNKNOWN:
                return f"It cannot be determined where this lies: {self.place.what}. {self.remedy}".rstrip()


def breaches(
    places: Iterable[Place], *, regions: Collection[str], endpoints: Collection[str]
) -> list[Breach]:
    """Return what lies elsewhere than in these regions or at these hosts; this machine is always allowed."""
    hosts = {endpoint.lower() for endpoint in endpoints}
    found = [(place, _judge(place, set(regions), hosts)) for place in places]
    return [Breach(place, because) for place, because in found if because]


def breach_of(unknown: PlaceUnknown) -> Breach:
    """Return what it means that a part will not say where it lies."""
    return Breach(Place(unknown.what), Because.UNKNOWN, unknown.detail)


def _judge(place: Place, regions: set[str], hosts: set[str]) -> Because | None:
    if not place.region and not place.endpoint:
        return Because.UNKNOWN
    if place.endpoint and is_this_machine(place.endpoint):
        return None
    if place.endpoint and place.endpoint.lower() not in hosts:
        return Because.ENDPOINT
    if place.region and place.region not in regions:
        return Because.REGION
    return None
