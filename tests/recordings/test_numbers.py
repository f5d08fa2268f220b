"""Numbers: one form to find them by, and a mask that gives nobody's number away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from recordings import numbers


@pytest.mark.parametrize(
    "written",
    [
        "+3197000000012",
        "+31 970 000 00012",
        "0031970 000 00012",
        "097000000012",
        "0970-00000012",
        "tel:+31-970-00000012",
        "sip:+3197000000012@pbx.example",
        "sip:097000000012@pbx.example;user=phone",
    ],
)
def test_a_number_has_one_form_however_it_is_written(written):
    number = numbers.normalise(written, "NL")

    assert number is not None
    assert number.tagged == "+3197000000012"


@pytest.mark.parametrize(
    "written",
    ["", "  ", "anonymous", "Anonymous", "unknown", "-", "sip:anonymous@anonymous.invalid", "hello"],
)
def test_a_withheld_number_is_nothing(written):
    assert numbers.normalise(written, "NL") is None


@pytest.mark.parametrize(
    ("written", "tagged", "shown"),
    [
        ("112", "short:NL:112", "112"),
        ("4720", "short:NL:4720", "4720"),
        ("1-2-3-4", "short:NL:1234", "1234"),
        ("sip:Agent7@PBX.example", "sip:agent7@pbx.example", "sip:agent7@pbx.example"),
        ("agent7@pbx.example", "sip:agent7@pbx.example", "sip:agent7@pbx.example"),
    ],
)
def test_short_numbers_and_addresses_are_tagged_as_such(written, tagged, shown):
    number = numbers.normalise(written, "NL")

    assert number is not None
    assert number.tagged == tagged
    assert numbers.shown(number) == shown
    assert numbers.from_tagged(tagged) == number


@pytest.mark.parametrize(
    ("tagged", "mask"),
    [
        ("+3197000000012", "+31 970 •••• ••12"),
        ("+442079460123", "+44 20 •••• ••23"),
        ("+493023125123", "+49 30 •••• ••23"),
        ("+31612345678", "+31 6 •••• ••78"),
        ("short:NL:112", "112"),
        ("short:NL:123456", "••••56"),
        ("sip:agent7@pbx.example", "a•••@pbx.example"),
    ],
)
def test_a_mask_shows_country_area_and_two_digits(tagged, mask):
    assert numbers.masked(numbers.from_tagged(tagged)) == mask


@limits(max_examples=200, deadline=None)
@given(digits=st.text("0123456789", min_size=9, max_size=13))
def test_a_mask_hides_most_of_a_number(digits):
    number = numbers.normalise(f"+31{digits}", "NL")

    if number is not None and number.kind is numbers.NumberKind.WORLD:
        mask = numbers.masked(number)
        assert number.tagged not in mask.replace(" ", "")
        assert sum(character.isdigit() for character in mask) <= 2 + 2 + 4
        assert mask.count("•") >= 3


@limits(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_whatever_stands_for_a_number_breaks_nothing(written):
    number = numbers.normalise(written, "NL")

    if number is not None:
        assert numbers.from_tagged(number.tagged) == number
        numbers.masked(number)
        numbers.shown(number)


def test_a_number_does_not_show_itself_in_an_error():
    assert "3197" not in repr(numbers.normalise("+3197000000012", "NL"))
