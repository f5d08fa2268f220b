"""The WSGI application that gunicorn serves. It does not start on settings, addresses or parts that are wrong."""

import os

from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vault.settings")
application = get_wsgi_application()

# Also loads every address, so that a broken deployment fails here and not at somebody's first request.
if wrong := [str(message) for message in run_checks() if message.is_serious()]:
    raise ImproperlyConfigured("\n".join(wrong))  # gunicorn would try again for ever after sys.exit()

from vault import starting  # noqa: E402 - Django is set up by now

starting.start("web")
