"""Who may reach what: every address of the vault, its methods, and the permission each asks for."""

from vault.permissions import Permission

MATRIX: dict[str, dict[str, Permission]] = {}
