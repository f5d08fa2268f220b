"""A local master of the trail may go when its month has been removed from the trail, and not before."""

from django.db import migrations

FREE_WITH_THE_MONTH = """
CREATE OR REPLACE FUNCTION recordings_master_has_no_keys() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE
    month text := split_part(OLD.name, '/', 2);
    generation integer := coalesce(nullif(split_part(OLD.name, '/', 3), '')::integer, 0);
    is_free boolean;
BEGIN
    -- A field master goes when no key is of its generation; those of the index with the last key of the month.
    is_free := CASE
        WHEN OLD.name ~ '^fields/([0-9]{4}-[0-9]{2}|open)(/[0-9]+)?$' THEN NOT EXISTS (
            SELECT 1 FROM recordings_storedkey WHERE kek = 'fields/' || month AND kek_version = generation
        )
        WHEN OLD.name ~ '^index-(number|reference)/[0-9]{4}-[0-9]{2}$' THEN
            (SELECT min(kek_version) FROM recordings_storedkey WHERE kek = 'fields/' || month) IS NULL
        -- The trail's masters go with the events of their months.
        WHEN OLD.name ~ '^trail/[0-9]{4}-[0-9]{2}$' THEN EXISTS (
            SELECT 1 FROM audit_removedmonth AS removed WHERE removed.month = split_part(OLD.name, '/', 2)
        )
        ELSE false
    END;
    IF NOT is_free THEN
        RAISE EXCEPTION 'this local master is needed'
            USING ERRCODE = '23000', CONSTRAINT = 'master_of_a_key_stays';
    END IF;
    RETURN OLD;
END
$body$;
"""

BEFORE = """
CREATE OR REPLACE FUNCTION recordings_master_has_no_keys() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE
    month text := split_part(OLD.name, '/', 2);
    generation integer := coalesce(nullif(split_part(OLD.name, '/', 3), '')::integer, 0);
    is_free boolean;
BEGIN
    -- A field master goes when no key is of its generation; those of the index with the last key of the month.
    is_free := CASE
        WHEN OLD.name ~ '^fields/([0-9]{4}-[0-9]{2}|open)(/[0-9]+)?$' THEN NOT EXISTS (
            SELECT 1 FROM recordings_storedkey WHERE kek = 'fields/' || month AND kek_version = generation
        )
        WHEN OLD.name ~ '^index-(number|reference)/[0-9]{4}-[0-9]{2}$' THEN
            (SELECT min(kek_version) FROM recordings_storedkey WHERE kek = 'fields/' || month) IS NULL
        ELSE false
    END;
    IF NOT is_free THEN
        RAISE EXCEPTION 'this local master is needed'
            USING ERRCODE = '23000', CONSTRAINT = 'master_of_a_key_stays';
    END IF;
    RETURN OLD;
END
$body$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0007_exact_stretches"),
        ("audit", "0005_months_go"),
        ("kms", "0003_trail_keys_end"),
    ]

    operations = [migrations.RunSQL(FREE_WITH_THE_MONTH, BEFORE)]
