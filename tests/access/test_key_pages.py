"""Pages by key: every row once, in order, whatever arrives meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory

from vault.access.api import CursorNotValid, KeyPages
from vault.access.models import Team
from vault.errors import Invalid

pytestmark = pytest.mark.django_db
PAGES = KeyPages("created_at", size=3, most=5)
START = datetime(2026, 11, 22, 10, tzinfo=UTC)


def make(name: str, minutes: int) -> Team:
    return Team.objects.create(name=name, created_at=START + timedelta(minutes=minutes))


def page(query: str = ""):
    return PAGES.page(Team.objects.all(), RequestFactory().get(f"/?{query}"))


def test_following_the_cursor_gives_every_row_once_newest_first_ties_included():
    made = [make(f"team {number}", number // 2) for number in range(8)]

    seen, cursor = [], ""
    for _page in range(3):
        found = page(f"after={cursor}")
        seen += found.rows
        cursor = found.older

    assert cursor == ""
    assert seen == sorted(made, key=lambda team: (team.created_at, team.pk), reverse=True)


def test_a_row_that_arrives_meanwhile_moves_nothing():
    for number in range(5):
        make(f"team {number}", number)
    first = page()

    make("late", 99)
    second = page(f"after={first.older}")

    assert [team.name for team in second.rows] == ["team 1", "team 0"]


def test_one_can_go_back():
    for number in range(7):
        make(f"team {number}", number)
    first = page()
    second = page(f"after={first.older}")

    back = page(f"before={second.newer}")

    assert back.rows == first.rows
    assert (first.newer, back.newer) == ("", "")
    assert back.older == first.older


def test_an_empty_list_has_no_cursors():
    assert page() == page("after=")
    assert page().rows == []
    assert page().older == page().newer == ""


@pytest.mark.parametrize("cursor", ["x", "bm90IGpzb24", "WyJhIiwiYiJd", "W10", "é", "WzEsMl0"])
def test_a_made_up_cursor_is_refused(cursor):
    with pytest.raises(CursorNotValid):
        page(f"after={cursor}")
    with pytest.raises(CursorNotValid):
        page(f"before={cursor}")


@pytest.mark.parametrize("limit", ["0", "6", "-1", "many", "²"])
def test_a_limit_out_of_range_is_refused(limit):
    with pytest.raises(Invalid):
        page(f"limit={limit}")


def test_a_limit_within_range_is_kept():
    for number in range(7):
        make(f"team {number}", number)

    assert len(page("limit=5").rows) == 5
