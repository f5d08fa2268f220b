"""Who takes part in the tests of privacy: those of the tests of recordings."""

import pytest

from recordings import standing
from tests.recordings.conftest import (  # noqa: F401 - fixtures
    _scheduler,
    bram,
    exchange,
    ines,
    katrien,
    north,
    recording,
    sander,
    south,
)


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    standing.forget_all()
