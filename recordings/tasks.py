"""Periodic jobs of recordings: each asks the database what is left to do."""

from audit.actor import Actor
from recordings import keks, key_work, moving, objects, playback, renditions, waiting
from vault import clock
from vault.jobs.periodic import periodic


@periodic("recordings.derive_copies")
def derive_copies() -> int:
    """Make waveforms, and playable copies where they are needed."""
    return renditions.derive_copies(now=clock.now())


@periodic("recordings.drop_stale_intakes")
def drop_stale_intakes() -> int:
    """Drop what was announced and never came, and what writers that died have left."""
    now = clock.now()
    dropped = waiting.drop_stale_intakes(now=now) + objects.sweep(now=now)
    return dropped + objects.abort_abandoned(now=now)


@periodic("recordings.close_stale_grants")
def close_stale_grants() -> int:
    """Close permissions to listen that have run out."""
    return playback.close_stale_grants(now=clock.now())


@periodic("recordings.move_keys")
def move_keys() -> int:
    """Move the keys of recordings whose end has moved to another month."""
    return moving.move_keys(now=clock.now())


@periodic("recordings.work_on_keys")
def work_on_keys() -> int:
    """Go on with new versions of keys, destroy those that were closed, and tell of new ones."""
    actor, now = Actor.system("task:recordings.work_on_keys"), clock.now()
    done = key_work.carry_on(actor=actor, now=now) + keks.destroy_closed(actor=actor, now=now)
    return done + keks.record_made(actor=actor, now=now)
