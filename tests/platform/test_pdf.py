"""Printing: in a process of its own, that fetches nothing and holds no secret."""

from __future__ import annotations

import pytest

from vault import pdf

PAGE = "<!doctype html><html lang=en><title>A page</title><h1>A page</h1>{}"


def test_a_page_is_printed_the_same_each_time_and_each_sheet_is_told():
    sheets: list[int] = []

    printed = pdf.print_pdf(PAGE.format("<p style='break-before: page'>more"), on_page=sheets.append)

    assert printed == pdf.print_pdf(PAGE.format("<p style='break-before: page'>more"))
    assert sorted(set(sheets)) == [1, 2]


@pytest.mark.parametrize(
    "address", ["file:///etc/hostname", "http://127.0.0.1:9/a.png", "data:image/png;base64,AAAA"]
)
@pytest.mark.parametrize("markup", ["<img src='{}'>", "<style>@import url({});</style>"])
def test_no_address_is_fetched(markup, address):
    with pytest.raises(pdf.NotPrinted):
        pdf.print_pdf(PAGE.format(markup.format(address)))


def test_a_machine_without_the_libraries_is_told_apart(monkeypatch):
    monkeypatch.setattr(pdf, "LIBRARIES", ("libno-such-thing.so.0",))
    pdf.can_print.cache_clear()

    assert not pdf.can_print()
    pdf.can_print.cache_clear()
