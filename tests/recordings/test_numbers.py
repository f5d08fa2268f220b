"""Numbers: one form to find them by, and a mask that gives nobody's number away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from recordings import numbers

# Numbers of nobody: the German range for films, Ofcom's drama range, blocks of zeros elsewhere.
WAYS = {
    ("NL", "+3197000000012"): [
        "+3197000000012",
        "+31 970 000 00012",
        "0031970 000 00012",
        "097000000012",
        "0970-00000012",
        "tel:+31-970-00000012",
        "sip:+3197000000012@pbx.example",
        "sip:097000000012@pbx.example;user=phone",
    ],
    ("NL", "+31200000012"): [
        "020-0000012",
        "020 000 00 12",
        "(020) 000 00 12",
        "020/000.00.12",
        "+31 (0)20 000 00 12",
        "+31(0)200000012",
        "(+31) 20 0000012",
        "0031 (0)20 0000012",
        "31200000012",
        "+31\N{NO-BREAK SPACE}20\N{NARROW NO-BREAK SPACE}000\N{NO-BREAK SPACE}0012",
        "+31\N{NON-BREAKING HYPHEN}20\N{EN DASH}000\N{EM DASH}0012",
        "020\N{MINUS SIGN}0000012",
        "\N{LEFT-TO-RIGHT EMBEDDING}+31200000012\N{POP DIRECTIONAL FORMATTING}",
        "\uff0b\uff13\uff11 20 000 0012",  # as a Japanese keyboard writes them
        "\N{ARABIC-INDIC DIGIT ZERO}20 000 0012",
        "tel:+31-20-000-0012;ext=5",
        "TEL:0200000012",
        "tel:200000012;phone-context=+31",
        "callto:+31200000012",
        "Tel. 020-0000012",
        "T: 020 000 0012",
        "020 000 00 12 (office)",
        "020 000 00 12 ask for Jan",
        "020 000 00 12 toestel 34",
        "020 000 00 12 ext. 34",
        "+31 20 000 0012 x34",
        "020 000 0012 #34",
        "*31#0200000012",
        "#31#0200000012",
        '"Jan" <sip:+31200000012@pbx.example>;tag=1',
        "<tel:+31200000012>",
        "SIPS:%2B31200000012@PBX.example:5061;transport=tls",
        "sip:020-0000012@pbx.example",
        "sip:+31200000012:password@pbx.example",
        "sip:+31200000012;ext=5@pbx.example?subject=bill",
        "0031200000012@10.0.0.5",
    ],
    ("NL", "+31600000012"): ["06 00 00 00 12", "06-00000012", "+31 (0)6-00 00 00 12", "06.00.00.00.12"],
    ("NL", "+319000012"): ["0900 0012", "0900-0012", "+31 900 0012"],
    ("NL", "+318000012"): ["0800-0012", "0800 00 12"],
    ("NL", "+493023125012"): ["+49 (0)30 23125012", "0049 30 23125-012"],
    ("NL", "+442079460123"): ["+44 (0)20 7946 0123", "0044 20 7946 0123"],
    ("BE", "+3220000012"): ["02/000.00.12", "02 000 00 12", "+32 (0)2 000 00 12", "0032(0)20000012", "+32/2/000.00.12"],
    ("BE", "+32470000012"): ["0470 00 00 12", "0470/00.00.12", "0470/000.012", "+32 470 00 00 12", "32470000012"],
    ("BE", "+3280000012"): ["0800 00 012", "0800/00.012"],
    ("DE", "+493023125012"): [
        "030 23125012",
        "030/23125-012",
        "(030) 23 12 50 12",
        "030 / 23125 - 012",
        "+49 (0) 30 / 23125012",
        "+49 (30) 23125-012",
        "0049(0)3023125012",
        "Telefon: 030 23125012",
        "030 23125012 Durchwahl 7",
    ],
    ("DE", "+491713920012"): ["0171-3920012", "0171/392 00 12", "+49 (0)171 / 3920012", "00491713920012"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("country", "tagged", "written"),
    [(country, tagged, way) for (country, tagged), ways in WAYS.items() for way in ways],
)
def test_a_number_has_one_form_however_it_is_written(country, tagged, written):
    number = numbers.normalise(written, country)

    assert number is not None
    assert number.tagged == tagged


@pytest.mark.parametrize(
    "written",
    [
        *("", "  ", "-", "-1", "0", "+0", "00", "0000000000", "hello", "n/a", "Private Number", "masqué", "CLIR"),
        *("anonymous", "Anonymous", "+anonymous", "'unavailable'", '"Unknown"', "<unknown>", "Restricted"),
        *("Anoniem", "afgeschermd", "privénummer", "Onbekend nummer", "Unterdrückt", "unbekannt", "(null)"),
        *("+266696687", "7378742833", "+86282452253"),  # ANONYMOUS, RESTRICTED and UNAVAILABLE on a keypad
        *("anonymous@anonymous.invalid", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'),
        *("sip:anonymous@10.0.0.5", "sip:+anonymous@pbx.example", "sip:%61nonymous@pbx.example"),
        *("sip:c8oqz84zk7z@anonymous.invalid", "sips:Restricted@pbx.example:5061", "sip:0@pbx.example"),
        *("tel:anonymous", "sip:asterisk@10.0.0.5", "sip:@pbx.example", '"Anonymous" <sip:+31200000012@pbx.example>'),
    ],
)  # fmt: skip
def test_a_withheld_number_is_nothing(written):
    assert numbers.normalise(written, "NL") is None


@pytest.mark.parametrize(
    "written", ["HV-472091", "ORD-20240012345", "*21*0200000012#", "12 monkeys", "room 0012 34"]
)
def test_what_is_no_number_is_not_taken_for_one(written):
    assert numbers.normalise(written, "NL") is None


@pytest.mark.parametrize(
    ("written", "tagged", "shown"),
    [
        ("112", "short:NL:112", "112"),
        ("4720", "short:NL:4720", "4720"),
        ("1-2-3-4", "short:NL:1234", "1234"),
        ("sip:Agent7@PBX.example", "sip:agent7@pbx.example", "sip:agent7@pbx.example"),
        ("agent7@pbx.example", "sip:agent7@pbx.example", "sip:agent7@pbx.example"),
        ("sip:agent%37:pw@pbx.example:5070;lr", "sip:agent7@pbx.example", "sip:agent7@pbx.example"),
        ('"Desk 7" <sip:agent7@[2001:db8::1]:5060>', "sip:agent7@[2001:db8::1]", "sip:agent7@[2001:db8::1]"),
        ("sip:4711@pbx.example", "sip:4711@pbx.example", "sip:4711@pbx.example"),
        ("sip:4711@pbx.example;user=phone", "short:NL:4711", "4711"),
        ("tel:1213", "short:NL:1213", "1213"),
        ("14 020", "short:NL:14020", "14020"),
        ("116 000", "short:NL:116000", "116000"),
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
        ("sip:a@b@pbx.example", "a•••@pbx.example"),
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
