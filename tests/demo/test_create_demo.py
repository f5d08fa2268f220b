"""The demo is made like real calls, shows every state, and is the same when made again."""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from recordings import search
from recordings.audio import Codec
from recordings.models import Recording, Rendition
from recordings.search import CallFilters
from vault.access import tokens
from vault.access.models import Team, User
from vault.approvals.models import Approval
from vault.crypto.container import CopyKind
from vault.demo import calls, keepsake, organisation
from vault.demo.one_time_codes import code_at
from vault.kms.models import Kek


def test_create_demo_shows_every_state_and_is_harmless_when_repeated(
    fresh_database, own_directory, own_keyring, var, capsys
):
    call_command("create_demo")

    assert Recording.objects.count() == len(calls.CALLS)
    states = Counter(Recording.objects.values_list("state", flat=True))
    assert states["erased"] == 1
    assert states["quarantined"] == 2
    assert set(
        Recording.objects.filter(state="quarantined").values_list("quarantined_because", flat=True)
    ) == {"no-lawful-basis", "consent-refused"}
    assert Recording.objects.filter(is_held=True).count() == 1
    assert Recording.objects.filter(is_restricted=True).count() == 1
    assert Recording.objects.filter(basis_status="withdrawn", is_frozen=True).count() == 1
    now = datetime.now(UTC)
    due = Recording.objects.filter(expires_at__gt=now, expires_at__lt=now + timedelta(days=2))
    assert due.exclude(state="quarantined").exclude(is_frozen=True).count() == 1
    assert not Recording.objects.filter(in_conflict=True).exists()
    assert not Recording.objects.exclude(state="erased").filter(agent=None).exists()
    assert Team.objects.count() == 3
    codecs = Counter(Rendition.objects.filter(kind=CopyKind.ORIGINAL).values_list("facts__codec", flat=True))
    assert set(codecs) == {Codec.PCM_S16, Codec.MULAW, Codec.ALAW}
    playable = Recording.objects.filter(state="active", is_restricted=False)
    assert Rendition.objects.filter(kind=CopyKind.WAVEFORM).count() >= playable.count()
    lengths = sorted(call.duration_ms or 0 for call in Recording.objects.exclude(state="erased"))
    assert lengths[0] < 15_000
    assert 540_000 < lengths[-1] <= 660_000

    assert not Kek.objects.filter(made_ahead=False).exists()
    assert {kek.name[:5] for kek in Kek.objects.filter(hardened_at__isnull=False)} == {"audio", "field"}
    assert Kek.objects.filter(state="destroyed").count() >= 4
    assert {asked.kind for asked in Approval.objects.waiting(now)} == {"hold.release", "account.role"}

    before = list(Recording.objects.order_by("pk").values_list("pk", "state"))
    call_command("create_demo")
    assert list(Recording.objects.order_by("pk").values_list("pk", "state")) == before
    assert Approval.objects.count() == 2
    assert User.objects.count() == len(organisation.PEOPLE)

    ines = User.objects.get(email="ines.verhoeven@harbourvale.example")
    actor = organisation.as_actor(ines, ines.memberships.values_list("team_id", flat=True))
    page = search.find(CallFilters(), actor=actor, now=now)
    assert {row.recording.team.name for row in page.rows} == {organisation.BILLING, organisation.MOVES}
    assert all("•" in row.number for row in page.rows if not row.recording.is_erased)
    found = search.find_by_number("020 7946 0123".replace("020", "+44 20"), actor=actor, now=now)
    assert len(found.rows) > 1

    kept = json.loads((var / "demo.json").read_text())
    assert stat.S_IMODE((var / "demo.json").stat().st_mode) == 0o600
    assert ines.check_password(kept["password"])
    assert tokens.find_in_force(kept["token"], now=now)
    capsys.readouterr()
    call_command("demo_codes")
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if ines.email in line)
    code = re.match(r"(\d{3}) (\d{3}) ", line)
    shown = {code_at(kept["totp_secrets"][ines.email], now + timedelta(seconds=at)) for at in (0, 30, 60)}
    assert code
    assert code[1] + code[2] in shown


def test_there_is_no_demo_outside_of_a_trial(settings, var):
    settings.TRIAL = False

    for command in ("create_demo", "demo_codes"):
        with pytest.raises(CommandError):
            call_command(command)

    assert not (var / "demo.json").exists()


def test_codes_are_those_of_the_standard():
    # RFC 6238, appendix B, the last six digits.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for second, code in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]:
        assert code_at(secret, datetime.fromtimestamp(second, UTC)) == code


def test_the_password_of_the_environment_wins(var, monkeypatch):
    first = keepsake.load()
    first.save()
    monkeypatch.setenv("DEMO_PASSWORD", "another one")

    assert keepsake.load().password == "another one"
    monkeypatch.delenv("DEMO_PASSWORD")
    assert keepsake.load().password == first.password
