"""Tags, filters and shared words: what they draw, and that what they are given cannot break out of it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from vault.web import words
from vault.web.templatetags import vault as tags

AT = datetime(2026, 11, 22, 9, 41, 7, tzinfo=UTC)


class Question(forms.Form):
    email = forms.EmailField(help_text="At work.")
    why = forms.CharField(required=False, widget=forms.Textarea)
    team = forms.ChoiceField(choices=[("a", "North"), ("b", "South")])
    sure = forms.BooleanField(required=False)
    way = forms.ChoiceField(choices=[("x", "One"), ("y", "Two")], widget=forms.RadioSelect)


def draw(source: str, **context: object) -> str:
    return Template("{% load vault %}" + source).render(Context(context))


def test_moments_are_told_in_the_readers_zone():
    assert words.moment(AT) == "22 Nov, 10:41"
    assert words.moment_long(AT) == "Sunday 22 November 2026, 10:41"
    assert words.moment_exact(AT) == "22 Nov 2026, 10:41:07"
    assert words.day(AT) == "22 Nov 2026"
    assert words.day_long(date(2026, 11, 22)) == "Sunday 22 November 2026"
    assert words.time_of_day(AT) == "10:41:07"


def test_a_moment_late_in_the_evening_belongs_to_the_readers_day():
    assert words.day(datetime(2026, 11, 22, 23, 30, tzinfo=UTC)) == "23 Nov 2026"


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [(0, "0:00"), (499, "0:00"), (59_600, "1:00"), (278_000, "4:38"), (3_729_000, "1:02:09")],
)
def test_a_duration_is_told_in_minutes_and_seconds(milliseconds, told):
    assert words.duration(milliseconds) == told


def test_an_icon_is_hidden_from_screen_readers_and_comes_from_our_own_sprite():
    drawn = tags.icon("lock")

    assert 'aria-hidden="true"' in drawn
    assert 'href="/static/vault/icons.svg#lock"' in drawn


def test_a_status_is_an_icon_and_a_word_and_loud_only_when_asked():
    quiet = draw('{% status "held" "On hold" %}')
    loud = draw('{% status "held" "On hold" loud=True %}')

    assert "#scale" in quiet
    assert "On hold" in quiet
    assert "status--loud" not in quiet
    assert "status--loud is-held" in loud


def test_only_overdue_is_solid():
    solid = [tone for tone in tags.TONES if "status--solid" in tags.status(tone, "word", loud=True)]

    assert solid == ["overdue"]


def test_a_status_escapes_its_word():
    assert "&lt;b&gt;" in draw('{% status "held" word %}', word="<b>")


def test_a_field_ties_its_help_and_its_error_to_the_control():
    drawn = draw("{% field form.email %}", form=Question({"email": "no"}))

    assert 'aria-describedby="id_email-help id_email-error"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert 'id="id_email-help"' in drawn
    assert 'id="id_email-error"' in drawn
    assert "form-control" in drawn


def test_a_field_that_may_stay_empty_says_so():
    assert "(optional)" in draw("{% field form.why %}", form=Question())
    assert "(optional)" not in draw("{% field form.email %}", form=Question())


def test_a_field_takes_further_attributes():
    assert 'autocomplete="email"' in draw('{% field form.email autocomplete="email" %}', form=Question())


def test_each_kind_of_control_is_drawn_as_one_expects():
    form = Question()

    assert "form-select" in draw("{% field form.team %}", form=form)
    assert '<label class="check"' in draw("{% field form.sure %}", form=form)
    assert "<fieldset" in draw("{% field form.way %}", form=form)


def test_a_meter_is_drawn_without_a_style_attribute():
    drawn = draw('{% meter 31 50 "62 per cent" %}')

    assert 'width="62%"' in drawn
    assert "style" not in drawn


@pytest.mark.parametrize(("part", "whole", "width"), [(5, 0, "0%"), (-1, 10, "0%"), (11, 10, "100%")])
def test_a_meter_stays_within_its_ends(part, whole, width):
    assert f'width="{width}"' in tags.meter(part, whole, "").split("meter__fill")[1]


def test_an_address_with_another_filter_forgets_the_page_it_was_on():
    request = RequestFactory().get("/recordings/?team=7&page=abc")

    drawn = draw('{% address_with state="held" %}', request=request)

    assert drawn == "/recordings/?team=7&amp;state=held"


def test_an_address_without_any_filter_is_the_pages_own():
    request = RequestFactory().get("/recordings/?state=held")

    assert draw('{% address_with state="" %}', request=request) == "/recordings/"


def test_a_typed_number_is_compared_without_separators():
    with translation.override("nl"):
        assert draw("{{ count|unlocalized }}", count=6418) == "6418"


def test_a_typed_confirmation_asks_for_its_count_and_repeats_it():
    drawn = draw(
        '{% include "components/typed_confirmation.html" with id="go" action="/x" title="Erase?" count=6418'
        ' count_text="recordings" button="Erase 6,418" %}'
    )

    assert 'data-must-equal="6418"' in drawn
    assert "Erase 6,418" in drawn
    assert "<dialog" in drawn
