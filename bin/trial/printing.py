"""What reports are printed with: Debian packages that Python wheels cannot give. All but PDF works without them."""

import ctypes

PACKAGES = {
    "libharfbuzz-subset0": "libharfbuzz-subset.so.0",
    "libpango-1.0-0": "libpango-1.0.so.0",
    "libpangoft2-1.0-0": "libpangoft2-1.0.so.0",
}


def missing() -> list[str]:
    """Return the packages whose library this machine lacks."""
    return [package for package, library in PACKAGES.items() if not _is_there(library)]


def _is_there(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
