"""Read settings from the environment.

A setting NAME comes from the variable NAME, or from the file that NAME_FILE points to (how systemd
credentials, Docker and Kubernetes hand over secrets). An empty variable counts as not set. Every error
names the variable and none shows its value. Every setting that is asked for is noted as it takes effect,
so that the trail can say when one changed.
"""

import os
import ssl
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_effective: dict[str, str] = {}


def effective() -> dict[str, str]:
    """Return every setting that was asked for as it takes effect, default or not; secrets are in clear."""
    return dict(_effective)


def find(name: str) -> str | None:
    """Return the setting, or None where the environment does not have it."""
    value, path = os.environ.get(name) or None, os.environ.get(f"{name}_FILE") or None
    _effective[name] = value or ""
    if path is None:
        return value
    if value is not None:
        raise ImproperlyConfigured(f"Set either {name} or {name}_FILE, not both.")
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {reason}.") from None
    if not content:
        raise ImproperlyConfigured(f"{name}_FILE names an empty file.")
    _effective[name] = content
    return content


def secret(name: str) -> tuple[str, str]:
    """Return the setting, or else the path of the file that holds it, which is read when it is needed."""
    value, path = os.environ.get(name) or "", os.environ.get(f"{name}_FILE") or ""
    if value and path:
        raise ImproperlyConfigured(f"Set either {name} or {name}_FILE, not both.")
    _effective[name], _effective[f"{name}_FILE"] = value, path
    return value, path


def path(name: str) -> str:
    """Return a setting that is the path of a file which is read, and perhaps written, while we run."""
    _effective[name] = os.environ.get(name) or ""
    return _effective[name]


def text(name: str, default: str | None = None) -> str:
    """Return the setting; without a default it is required."""
    value = find(name)
    if value is not None:
        return value
    if default is None:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE.")
    return _by_default(name, default, default)


def flag(name: str, default: bool | None = None) -> bool:
    """Return a setting that is yes or no."""
    value = find(name)
    if value is None and default is not None:
        return _by_default(name, default, str(default).lower())
    word = text(name).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false.")


def integer(name: str, default: int | None = None) -> int:
    """Return a setting that is a whole number."""
    value = find(name)
    if value is None and default is not None:
        return _by_default(name, default, str(default))
    try:
        return int(text(name))
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from None


def items(name: str, default: tuple[str, ...] | None = None) -> list[str]:
    """Return a setting that lists values separated by commas."""
    value = find(name)
    if value is None and default is not None:
        return _by_default(name, list(default), ",".join(default))
    return [item for part in text(name).split(",") if (item := part.strip())]


def database(name: str) -> dict[str, Any]:
    """Return Django's settings for the PostgreSQL database at a postgresql:// address.

    The address's query (`?sslmode=verify-full&sslrootcert=...`) becomes connection options.
    """
    address = _postgresql_address(name, text(name))
    query = dict(parse_qsl(address.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(address.path.removeprefix("/")),
        "USER": unquote(address.username or ""),
        "PASSWORD": unquote(address.password or ""),
        "HOST": query.pop("host", unquote(address.hostname or "")),
        "PORT": str(address.port or ""),
        "OPTIONS": query,
    }


def broker_tls(url: str) -> dict[str, Any]:
    """Return the settings that make Celery look at a rediss:// broker's certificate: by itself it takes any."""
    if urlsplit(url).scheme != "rediss":
        return {}
    return {"broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}}


def _by_default(name: str, default: T, text: str) -> T:
    _effective[name] = text
    return default


def _postgresql_address(name: str, value: str) -> SplitResult:
    try:
        address = urlsplit(value)
        port_is_valid = address.port is None or address.port > 0
    except ValueError:
        port_is_valid = False
    if not port_is_valid or address.scheme not in {"postgres", "postgresql"} or not address.path.strip("/"):
        raise ImproperlyConfigured(f"{name} must look like postgresql://user:password@host:port/database.")
    return address
