"""The event table, partitioned by month, and the triggers that leave nothing but INSERT.

The application's account may not create tables, and partitions must be made ahead: so a function that runs
as the owner makes them, each with its own TRUNCATE trigger (PostgreSQL does not inherit that one). Anyone
may call it, for all it can do is add the partitions of the next months.
"""

from django.db import migrations

MAKE_TABLE = """
CREATE TABLE audit_event (
    id uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    occurred_at timestamptz NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    purpose text NOT NULL,
    writer uuid NOT NULL,
    counter bigint NOT NULL,
    entry bytea NOT NULL,
    PRIMARY KEY (id, recorded_at),
    CONSTRAINT audit_event_outcome_is_known CHECK (outcome IN ('done', 'refused', 'failed')),
    CONSTRAINT audit_event_counter_starts_at_one CHECK (counter > 0),
    CONSTRAINT audit_event_entry_fits_a_bundle CHECK (octet_length(entry) BETWEEN 2 AND 16384)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX audit_event_by_transaction ON audit_event (tx, counter);
CREATE INDEX audit_event_by_actor ON audit_event (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_event_by_target ON audit_event (target_id, id);
CREATE INDEX audit_event_by_action ON audit_event (action, id);
"""

FORBID = """
CREATE FUNCTION audit_forbid_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
BEGIN
    RAISE EXCEPTION 'the trail is append-only: % on %', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
END
$body$;

DO $body$
DECLARE kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['event', 'addendum', 'leaf', 'tile', 'checkpoint', 'anchor'] LOOP
        EXECUTE format(
            'CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit_%s'
            ' FOR EACH ROW EXECUTE FUNCTION audit_forbid_change()', kept);
        EXECUTE format(
            'CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON audit_%s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION audit_forbid_change()', kept);
    END LOOP;
END
$body$;
ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
"""

MAKE_PARTITIONS = """
CREATE FUNCTION audit_make_partitions() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
DECLARE
    this_month timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    first_day timestamp;
    partition text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_make_partitions'));
    FOR ahead IN 0..2 LOOP
        first_day := this_month + make_interval(months => ahead);
        partition := 'audit_event_' || to_char(first_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || partition) IS NOT NULL;
        EXECUTE format(
            'CREATE TABLE public.%I PARTITION OF public.audit_event FOR VALUES FROM (%L) TO (%L)',
            partition, first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format(
            'CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON public.%I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION public.audit_forbid_change()', partition);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$body$;
SELECT audit_make_partitions();
"""


class Migration(migrations.Migration):
    """Run the SQL above, in order; backwards, drop it all."""

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(MAKE_TABLE, "DROP TABLE audit_event"),
        migrations.RunSQL(
            FORBID,
            """
            ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTENDED;
            DROP FUNCTION audit_forbid_change() CASCADE
            """,
        ),
        migrations.RunSQL(MAKE_PARTITIONS, "DROP FUNCTION audit_make_partitions()"),
    ]
