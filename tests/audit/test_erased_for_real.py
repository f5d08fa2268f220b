"""A recording erased by the sweep: its proof, and the trail it stands in, pass the stand-alone verifier."""

from __future__ import annotations

import pytest

from audit import export, log_key, verify
from audit.actor import Actor
from audit.events import EventFilters
from recordings.models import Recording
from retention import proof
from retention.models import Erasure
from tests.audit.conftest import sequence
from tests.people import make_team
from tests.recordings.conftest import person
from tests.retention.conftest import NOW, due_call, exchange_actor, make_policy, run_sweep
from vault.access.roles import Role


@pytest.fixture
def katrien(fresh_database) -> Actor:
    return person("katrien@example.org", Role.DPO)


def test_the_proof_of_a_real_erasure_passes_and_so_does_the_whole_trail(katrien, tmp_path):
    make_team("North")
    make_policy(katrien)
    recording = due_call(exchange_actor())
    run_sweep()
    assert Recording.objects.get(pk=recording.pk).state == "erased"
    sequence()

    text = proof.write_proof(Erasure.objects.get(recording=recording))

    policy = verify.Policy.parse(f"log {log_key.verifier().vkey}\nquorum none\n")
    assert verify.verify_erasure(text, policy).all() == []
    assert verify.verify_erasure(text.replace("ground: expired", "ground: request"), policy).all()

    asked = export.request_export(
        format="csv",
        filters=EventFilters(),
        with_personal=True,
        ground="regulator's request",
        actor=katrien,
        now=NOW,
    )
    sequence()
    export.run_waiting(now=NOW)
    path = tmp_path / "export.zip"
    path.write_bytes(b"".join(export.download(asked.id, actor=katrien, now=NOW).pieces))
    assert verify.verify_export(path, policy, [], whole=True).all() == []
