"""Django's settings, read from the environment; ``docs/guides/operating.md`` lists every variable.

Production is the default: what is unsafe (plain connections, a made-up secret) needs VAULT_TRIAL=true.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from vault import env

BASE_DIR = Path(__file__).resolve().parent.parent
TRIAL = env.flag("VAULT_TRIAL", default=False)
DEBUG = False
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", default=("localhost", "127.0.0.1"))
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS", default=())
ORGANISATION = env.text("ORGANISATION", default="Your organisation")
TRUSTED_PROXIES = env.items("TRUSTED_PROXIES", default=())

INSTALLED_APPS = [
    "vault.apps.VaultConfig",
    "vault.jobs",
    "vault.kms",
    "audit",
    "vault.access",
    "vault.residency",
    "vault.web",
    "vault.approvals",
    "recordings",
    "retention",
    "privacy",
    "vault.demo",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "vault.web.caching.NoStore",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "vault.access.refusals.Refusals",
    "vault.access.gate.Gate",
]

ROOT_URLCONF = "vault.urls"
WSGI_APPLICATION = "vault.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # The product's own templates win over those of allauth, whatever the order of the apps.
        "DIRS": [BASE_DIR / "vault" / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "vault.web.context.page",
                "vault.approvals.context.waiting",
            ],
        },
    }
]

# Three accounts on one database: the restricted one that serves, the owner for migrations only, the
# sequencer that alone extends the trail's tree.
_CONNECTION = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False}
_TIME_LIMITS = "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"


def _database(name: str, fallback: str, *, limits: bool = True) -> dict[str, Any]:
    settings = env.database(name if env.find(name) else fallback) | _CONNECTION
    if limits:
        # Only the trail's insert is prepared: Django's own cursors put the values into the text themselves.
        given = {"options": _TIME_LIMITS, "connect_timeout": 5, "prepare_threshold": 1}
        settings["OPTIONS"] = given | settings["OPTIONS"]
    return settings


DATABASES = {
    "default": _database("DATABASE_URL", "DATABASE_URL"),
    "owner": _database("DATABASE_OWNER_URL", "DATABASE_URL", limits=False),
    "sequencer": _database("DATABASE_SEQUENCER_URL", "DATABASE_URL"),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "vault",
    }
}

# Sessions stand in PostgreSQL, found by a hash of their key and sealed: a copy of it opens none.
SESSION_ENGINE = "vault.access.session_store"
SESSION_COOKIE_NAME = "vault_session" if TRIAL else "__Host-vault_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = not TRIAL
SESSION_COOKIE_AGE = env.integer("SESSION_HOURS", default=10) * 3600
SESSION_IDLE = timedelta(minutes=env.integer("SESSION_IDLE_MINUTES", default=30))
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_SECURE = not TRIAL
CSRF_COOKIE_NAME = "vault_csrf" if TRIAL else "__Host-vault_csrf"
CSRF_COOKIE_HTTPONLY = False  # the player's module sends it back in a header
CSRF_FAILURE_VIEW = "vault.access.refusals.csrf_failed"

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "vault.access.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # people are invited by link; nobody signs up
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/account/login/"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to strangers who were only guessed
# "key" is account and address, or account and known device: guessing cannot shut the owner out.
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",
    "login_failed": "30/m/ip,5/5m/key",
    "reset_password": "20/m/ip,3/10m/key",
}
INVITATION_HOURS = env.integer("INVITATION_HOURS", default=72)
APPROVAL_HOURS = env.integer("APPROVAL_HOURS", default=72)
MFA_ADAPTER = "vault.access.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 0  # a larger one lets a code be used twice
MFA_TOTP_ISSUER = ORGANISATION
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = TRIAL

EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if env.find('EMAIL_HOST') else 'console'}.EmailBackend"
EMAIL_HOST = env.text("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", default=587)
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_HOST_USER = env.text("EMAIL_USER", default="")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD", default="")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", default="vault@localhost")

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["vault.access.authentication.ActorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],  # the gate decides before DRF is reached
    "DEFAULT_SCHEMA_CLASS": "vault.access.openapi.Schema",
    "EXCEPTION_HANDLER": "vault.access.refusals.as_problem",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_THROTTLE_CLASSES": ["vault.access.throttles.ActorThrottle"],
    "DEFAULT_THROTTLE_RATES": {"actor": env.text("API_RATE", default="1200/min")},
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Call-recording vault",
    "DESCRIPTION": "Recordings in, listening under a purpose, the trail out, and erasure with a proof.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "LawfulBasisEnum": "recordings.models.Basis",
        "ApprovalStateEnum": "vault.approvals.models.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "vault.access.openapi.add_problem",
    ],
}

# Nothing leaves for another host; wavesurfer and htmx get their few styles by the nonce.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "media-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = not TRIAL
SECURE_HSTS_SECONDS = 0 if TRIAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not TRIAL
SECURE_HSTS_PRELOAD = not TRIAL
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REDIRECT_EXEMPT = [r"^health/"]
X_FRAME_OPTIONS = "DENY"
# Audio comes as a raw body that is sealed piece by piece; forms and JSON stay small and in memory.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
FILE_UPLOAD_HANDLERS: list[str] = []  # Django's own would spool an upload to disk in clear

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("nl", "Nederlands")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", default="Europe/Amsterdam")  # shown to people; decisions are in UTC

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", default=str(BASE_DIR / "var" / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Object store, keys, trail
STORE_KIND = env.text("STORE_KIND", default="s3")
STORE_DIRECTORY = env.text("STORE_DIRECTORY", default="")
S3_ENDPOINT_URL = env.text("S3_ENDPOINT_URL", default="")
S3_REGION = env.text("S3_REGION", default="eu-central-1")
S3_BUCKET = env.text("S3_BUCKET", default="")
S3_ACCESS_KEY = env.text("S3_ACCESS_KEY", default="")
S3_SECRET_KEY = env.text("S3_SECRET_KEY", default="")
S3_CA_BUNDLE = env.text("S3_CA_BUNDLE", default="")  # a file of certificates; empty: those of the system
# Where objects, their replicas and keys may lie: AWS's regions in the EU by default, and no other host.
ALLOWED_REGIONS = env.items(
    "ALLOWED_REGIONS",
    default=(
        "eu-central-1",  # Frankfurt
        "eu-north-1",  # Stockholm
        "eu-south-1",  # Milan
        "eu-south-2",  # Spain
        "eu-west-1",  # Ireland
        "eu-west-3",  # Paris
        "eusc-de-east-1",  # Brandenburg, the European Sovereign Cloud
    ),
)
ALLOWED_ENDPOINTS = env.items("ALLOWED_ENDPOINTS", default=())
KMS_KIND = env.text("KMS_KIND", default="keyring")
KMS_KEYRING = env.text("KMS_KEYRING", default="")
KMS_KEYRING_BACKUP = env.text("KMS_KEYRING_BACKUP", default="")
# Here the path itself is the setting: the keyring reads the file, and replaces it when a key is destroyed.
KMS_MASTER_FILE = env.path("KMS_MASTER_FILE")
KMS_MASTER = "" if KMS_MASTER_FILE else env.text("KMS_MASTER", default="")
KMS_PASSPHRASE = env.text("KMS_PASSPHRASE", default="")
KMS_ADDRESS = env.text("KMS_ADDRESS", default="")
KMS_MOUNT = env.text("KMS_MOUNT", default="transit")
KMS_NAMESPACE = env.text("KMS_NAMESPACE", default="")
KMS_CA_BUNDLE = env.text("KMS_CA_BUNDLE", default="")  # a file of certificates; empty: those of the system
# One token for each duty that this process has, or a file of it, which an agent may replace while we run.
KMS_TOKEN_INGEST, KMS_TOKEN_INGEST_FILE = env.secret("KMS_TOKEN_INGEST")
KMS_TOKEN_PLAYBACK, KMS_TOKEN_PLAYBACK_FILE = env.secret("KMS_TOKEN_PLAYBACK")
KMS_TOKEN_MOVING, KMS_TOKEN_MOVING_FILE = env.secret("KMS_TOKEN_MOVING")
KMS_TOKEN_ROTATION, KMS_TOKEN_ROTATION_FILE = env.secret("KMS_TOKEN_ROTATION")
KMS_TOKEN_DESTRUCTION, KMS_TOKEN_DESTRUCTION_FILE = env.secret("KMS_TOKEN_DESTRUCTION")
KMS_AWS_REGION = env.text("KMS_AWS_REGION", default="")
KMS_AWS_ENDPOINT_URL = env.text("KMS_AWS_ENDPOINT_URL", default="")
KMS_AWS_PREFIX = env.text("KMS_AWS_PREFIX", default="callvault")
KMS_AWS_DELETION_DAYS = env.integer("KMS_AWS_DELETION_DAYS", default=7)  # from 7 to 30, says AWS
AUDIT_ORIGIN = env.text("AUDIT_ORIGIN", default="callvault.example/trail")
AUDIT_KEY = env.text("AUDIT_KEY", default="")  # Ed25519 seed, base64; for the sequencer alone
AUDIT_PUBLIC_KEY = env.text("AUDIT_PUBLIC_KEY", default="")  # its public half, for everybody else
# How long the trail is kept, in whole months: NEN 7513 asks for five years at least. And how long the addresses of
# visitors whom nobody knows.
AUDIT_KEEP_MONTHS = env.integer("AUDIT_KEEP_MONTHS", default=60)
AUDIT_ADDRESS_DAYS = env.integer("AUDIT_ADDRESS_DAYS", default=90)

# Places out of the operator's reach that checkpoints are brought to; docs/guides/anchors.md.
WITNESSES = env.items("WITNESSES", default=())  # "KEY URL", several separated by commas
AUDIT_ANCHOR_MAIL = env.items("AUDIT_ANCHOR_MAIL", default=())
AUDIT_ANCHOR_MAIL_EVENTS = env.integer("AUDIT_ANCHOR_MAIL_EVENTS", default=100_000)
LOCKED_COPY_BUCKET = env.text("LOCKED_COPY_BUCKET", default="")
LOCKED_COPY_ENDPOINT_URL = env.text("LOCKED_COPY_ENDPOINT_URL", default="")
LOCKED_COPY_REGION = env.text("LOCKED_COPY_REGION", default=S3_REGION)
LOCKED_COPY_ACCESS_KEY = env.text("LOCKED_COPY_ACCESS_KEY", default="")
LOCKED_COPY_SECRET_KEY = env.text("LOCKED_COPY_SECRET_KEY", default="")
LOCKED_COPY_CA_BUNDLE = env.text("LOCKED_COPY_CA_BUNDLE", default="")
LOCKED_COPY_MONTHS = env.integer("LOCKED_COPY_MONTHS", default=60)  # as long as the trail, and no longer
LOCKED_COPY_KEPT = timedelta(days=31 * LOCKED_COPY_MONTHS)

# How often the vault checks its whole trail by itself; 0 for never.
CHECK_TRAIL_EVERY = timedelta(hours=env.integer("CHECK_TRAIL_HOURS", default=24))

# Days a copy may live on in backups; the erasure proof's "beyond recovery" counts with them.
KEY_TABLE_BACKUP_DAYS = env.integer("KEY_TABLE_BACKUP_DAYS", default=7)
DATABASE_BACKUP_DAYS = env.integer("DATABASE_BACKUP_DAYS", default=35)
ERASURES_PER_DAY = env.integer(
    "ERASURES_PER_DAY", default=50_000
)  # the schedule stops there and raises an alarm
# Recordings erased before their month is over, after which the month's key is hardened at once.
HARDEN_AFTER_ERASURES = env.integer("HARDEN_AFTER_ERASURES", default=1000)
# Between wrapping all keys again and destroying the older versions: a backup of the key store must come between,
# or one that is put back holds nothing that opens.
HARDEN_WAIT = timedelta(hours=env.integer("HARDEN_WAIT_HOURS", default=26))
QUARANTINE_DAYS = env.integer("QUARANTINE_DAYS", default=14)
INTAKE_HOURS = 24
MAX_AUDIO_BYTES = env.integer("MAX_AUDIO_MIB", default=2048) * 1_048_576
PLAYBACK_MINUTES = env.integer("PLAYBACK_MINUTES", default=15)
RECORDING_SCHEDULER = "retention.schedule.plan"
TRAIL_NUMBER_FINDER = "recordings.traces.of_number"
DEFAULT_COUNTRY = env.text("DEFAULT_COUNTRY", default="NL")  # whose numbering plan national numbers follow

SWEEP_SECONDS = env.integer("SWEEP_SECONDS", default=60)
CELERY: dict[str, Any] = {
    "broker_url": REDIS_URL,
    **env.broker_tls(REDIS_URL),
    "broker_connection_retry_on_startup": True,
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_default_queue": "vault",
    "timezone": "UTC",
    "task_time_limit": 1800,
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "vault.logs.formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "botocore": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
    },
}
