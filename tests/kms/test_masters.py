"""The local masters: one row for a name, opened by the service, kept in memory only when it is committed."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from vault.kms import Duty, KeyDestroyed, masters, service
from vault.kms.models import Master

NAME, KEK = "fields/2027-02", "fields-2027-02"


@pytest.mark.django_db
def test_a_master_is_made_on_first_use_and_the_same_ever_after():
    first = masters.get(NAME, kek=KEK)
    masters.forget_all()

    assert masters.get(NAME, kek=KEK) == first
    assert len(first) == 32
    row = Master.objects.get(name=NAME)
    assert row.kek == KEK
    assert first not in bytes(row.wrapped)


@pytest.mark.django_db
def test_masters_of_other_names_are_others():
    assert masters.get(NAME, kek=KEK) != masters.get("index-number/2027-02", kek=KEK)


@pytest.mark.django_db
def test_finding_does_not_make():
    assert masters.find("fields/1999-01") is None
    assert not Master.objects.exists()


@pytest.mark.django_db
def test_many_are_found_with_one_query(django_assert_num_queries):
    names = [f"index-number/2027-{month:02}" for month in range(1, 6)]
    made = {name: masters.get(name, kek=KEK) for name in names}
    masters.forget_all()

    with django_assert_num_queries(1):
        found = masters.many([*names, "index-number/1999-01"])

    assert found == made


@pytest.mark.django_db
def test_a_master_whose_key_was_destroyed_is_not_found_and_not_made_anew():
    name, kek = "fields/2020-01", "fields-2020-01"
    masters.get(name, kek=kek)
    masters.forget_all()
    service(Duty.DESTRUCTION).destroy(kek)

    assert masters.find(name) is None
    with pytest.raises(KeyDestroyed):
        masters.get(name, kek=kek)
    with pytest.raises(KeyDestroyed):
        masters.prepare({name: kek})


@pytest.mark.django_db
def test_a_master_that_was_undone_is_not_remembered():
    with transaction.atomic():
        lost = masters.get(NAME, kek=KEK)
        transaction.set_rollback(True)

    assert masters.find(NAME) is None
    assert masters.get(NAME, kek=KEK) != lost


@pytest.mark.django_db
def test_what_was_prepared_needs_neither_database_nor_service(
    django_assert_num_queries, django_capture_on_commit_callbacks, monkeypatch
):
    with django_capture_on_commit_callbacks(execute=True):
        masters.prepare({NAME: KEK, "index-number/2027-02": KEK})
    monkeypatch.setattr(masters, "service", None)

    with django_assert_num_queries(0):
        masters.get(NAME, kek=KEK)
        masters.prepare({NAME: KEK})
        assert len(masters.many([NAME, "index-number/2027-02"])) == 2

    masters.forget(NAME)
    with pytest.raises(TypeError):
        masters.get(NAME, kek=KEK)


def test_of_many_who_ask_first_all_get_the_same(fresh_database):
    def ask(_: int) -> bytes:
        masters.forget_all()
        try:
            return masters.get("source-identity", kek="fields-open")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        got = set(threads.map(ask, range(12)))

    assert len(got) == 1
    assert Master.objects.count() == 1


def test_a_master_made_by_one_process_is_read_by_another(fresh_database):
    made = masters.get(NAME, kek=KEK)
    program = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'vault.settings'; django.setup();"
        "from vault.kms import masters; sys.stdout.write(masters.find('fields/2027-02').hex())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=fresh_database.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == made.hex()
