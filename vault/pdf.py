"""Print a page of HTML as a tagged PDF (PDF/UA-1).

WeasyPrint runs in a process of its own, started for one document: it gets no setting and no secret, refuses every
address it is to fetch, and takes its memory with it when it ends. The HTML goes in and the PDF comes out through
pipes, never a file.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from subprocess import DEVNULL, PIPE, Popen
from threading import Timer
from typing import BinaryIO

LIBRARIES = (
    "libpango-1.0.so.0",
    "libpangoft2-1.0.so.0",
    "libharfbuzz-subset.so.0",
)
_LONGEST_S = 900.0
_MOST_MEMORY = 3 * 2**30


class NotPrinted(RuntimeError):
    """The page could not be printed."""


@cache
def can_print() -> bool:
    """Say whether this machine has the libraries that WeasyPrint draws with."""
    try:
        for name in LIBRARIES:
            ctypes.CDLL(name)
    except OSError:
        return False
    return True


def print_pdf(html: str, *, on_page: Callable[[int], None] = lambda page: None) -> bytes:
    """Return the page as PDF, telling the number of each sheet as it is laid out.

    :raises NotPrinted: if it cannot be printed, or takes longer than a quarter of an hour.
    """
    command = [sys.executable, "-I", __file__]
    environment = {"LANG": "C.UTF-8"}
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment) as printer:  # noqa: S603 - our own file
        assert printer.stdin is not None  # noqa: S101 - asked for above
        assert printer.stdout is not None  # noqa: S101 - asked for above
        timer = Timer(_LONGEST_S, printer.kill)
        timer.start()
        try:
            printer.stdin.write(html.encode())
            printer.stdin.close()
            for line in iter(printer.stdout.readline, b""):
                if line == b"pdf\n":
                    break
                on_page(int(line))
            pdf: bytes = printer.stdout.read()
        except (OSError, ValueError) as error:
            raise NotPrinted(str(error)) from error
        finally:
            timer.cancel()
            printer.kill()
    if not pdf.endswith(b"%%EOF\n"):
        raise NotPrinted("the printer ended before its work was done")
    return pdf


def _print(html: str, out: BinaryIO) -> None:
    """Lay out, then write: one line for each sheet, a line that says "pdf", the PDF."""
    import logging
    import resource

    from weasyprint import HTML
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))

    class FetchesNothing(URLFetcher):  # type: ignore[misc,unused-ignore]
        def fetch(self, url: str, headers: dict[str, str] | None = None) -> object:
            raise FatalURLFetchingError("nothing is fetched")

    class TellsPages(logging.Handler):
        def emit(self, entry: logging.LogRecord) -> None:
            if "Creating layout - Page" in str(entry.msg) and isinstance(entry.args, tuple):
                out.write(b"%d\n" % int(str(entry.args[0])))
                out.flush()

    progress = logging.getLogger("weasyprint.progress")
    progress.addHandler(TellsPages())
    progress.setLevel(logging.INFO)
    pdf = HTML(string=html, url_fetcher=FetchesNothing()).write_pdf(pdf_variant="pdf/ua-1")
    out.write(b"pdf\n")
    out.write(pdf)


if __name__ == "__main__":
    _print(sys.stdin.buffer.read().decode(), sys.stdout.buffer)
