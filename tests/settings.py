"""The settings that tests run under: the vault's own, on servers and secrets of the tests' own."""

from datetime import timedelta

from tests import servers

servers.prepare()

from vault.settings import *  # noqa: E402, F403 - they read what prepare() set

PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # nothing is collected first
WHITENOISE_AUTOREFRESH = True
HARDEN_WAIT = timedelta(0)  # tests make no backups; one of them waits
