"""The proof of one event out of a million, from the database each time: nothing is kept between two proofs."""

import secrets
from functools import partial

from bench._trail import fill
from bench._vault import a_vault
from bench.harness import Row, summarise, wall_seconds


def measure(*, small: bool) -> list[Row]:
    """Measure random events one by one, after a few that only warm up."""
    count, proofs = (3_000, 20) if small else (1_000_000, 1_000)
    with a_vault():
        from audit.proofs import event_proof

        ids = fill(count)
        for _ in range(10):
            event_proof(secrets.choice(ids))
        spent = [1000 * wall_seconds(partial(event_proof, secrets.choice(ids))) for _ in range(proofs)]
    return [summarise("milliseconds", spent, bar=2, unit="ms", bar_is_ceiling=True)]
