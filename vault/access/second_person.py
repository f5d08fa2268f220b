"""What nobody does to an account alone: give it a role of the few who watch over all others, or renew its access.

The doors of people refuse it; ``vault.approvals`` lets it be asked for, and carries it out when somebody else
has approved it. Only at the shell, where whoever runs the vault can do anything, is nobody else asked.
"""

from __future__ import annotations

from audit.actor import Actor, ActorKind
from vault.access.roles import Role
from vault.errors import Forbidden, gettext_noop

# What may be asked for: kinds of requests in ``vault.approvals``, by code.
GRANT_ROLE = "account.role"
RENEW_SIGN_IN = "account.sign-in"
LET_IN = "account.enable"
FORGET = "account.forget"

PRIVILEGED = frozenset({Role.DPO, Role.ADMINISTRATOR})


class NeedsSecondPerson(Forbidden):
    """It has to be asked for, and approved by somebody else."""

    code = "needs-second-person"
    title = gettext_noop("This needs a second person: ask for it, and somebody else decides")


def check_alone(role: Role, *, actor: Actor) -> None:
    """Refuse to one person alone what concerns a privileged role."""
    if role in PRIVILEGED and actor.kind is not ActorKind.SYSTEM:
        raise NeedsSecondPerson
