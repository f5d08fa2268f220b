"""The product's settings, with the two audit packages beside it."""

from vault.settings import *  # noqa: F403
from vault.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "pgtrigger", "pghistory", "auditlog", "bench._change"]
