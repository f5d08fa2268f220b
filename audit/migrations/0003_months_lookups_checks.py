"""Addenda by month like the events they belong to, and the tables of lookups, checks, removed months and settings.

A month of the trail goes as a whole when its time has come, so its addenda stand in partitions of their own.
Lookups find events by a value that stands nowhere in clear; they may be deleted, because forgetting somebody
deletes theirs.
"""

import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

PARTITION_ADDENDA = """
ALTER TABLE audit_addendum RENAME TO audit_addendum_before;
ALTER TABLE audit_addendum_before RENAME CONSTRAINT audit_addendum_pkey TO audit_addendum_before_pkey;
ALTER TABLE audit_addendum_before RENAME CONSTRAINT audit_addendum_digest_is_a_sha256 TO before_digest_is_a_sha256;
CREATE TABLE audit_addendum (
    digest bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_id uuid NOT NULL,
    key_id uuid NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (digest, recorded_at),
    CONSTRAINT audit_addendum_digest_is_a_sha256 CHECK (octet_length(digest) = 32)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX audit_addendum_by_event ON audit_addendum (event_id);
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit_addendum
    FOR EACH ROW EXECUTE FUNCTION audit_forbid_change();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON audit_addendum
    FOR EACH STATEMENT EXECUTE FUNCTION audit_forbid_change();
"""

MAKE_PARTITIONS = """
CREATE FUNCTION audit_make_partition(kept text, first_day timestamp) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    partition text := kept || to_char(first_day, '_YYYY_MM');
BEGIN
    IF to_regclass('public.' || partition) IS NOT NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format(
        'CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)', partition, kept,
        first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format(
        'CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON public.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.audit_forbid_change()', partition);
    RETURN 1;
END
$body$;
REVOKE EXECUTE ON FUNCTION audit_make_partition(text, timestamp) FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit_make_partitions() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    this_month timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    first_day timestamp;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_make_partitions'));
    FOR ahead IN 0..2 LOOP
        first_day := this_month + make_interval(months => ahead);
        made := made + public.audit_make_partition('audit_event', first_day)
            + public.audit_make_partition('audit_addendum', first_day);
    END LOOP;
    RETURN made;
END
$body$;
"""

MOVE_ADDENDA = """
DO $body$
DECLARE name text;
BEGIN
    FOR name IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass LOOP
        PERFORM audit_make_partition('audit_addendum', to_date(right(name, 7), 'YYYY_MM')::timestamp);
    END LOOP;
END
$body$;
SELECT audit_make_partitions();
INSERT INTO audit_addendum (digest, recorded_at, event_id, key_id, sealed)
SELECT before.digest, coalesce(event.recorded_at, clock_timestamp()), before.event_id, before.key_id, before.sealed
FROM audit_addendum_before AS before LEFT JOIN audit_event AS event ON event.id = before.event_id;
DROP TABLE audit_addendum_before;
"""


class Migration(migrations.Migration):
    """Move the addenda into partitions, then add the tables."""

    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.RunSQL(PARTITION_ADDENDA, migrations.RunSQL.noop),
        migrations.RunSQL(MAKE_PARTITIONS, migrations.RunSQL.noop),
        migrations.RunSQL(MOVE_ADDENDA, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterModelOptions(name="addendum", options={"managed": False}),
                migrations.AlterModelTable(name="addendum", table="audit_addendum"),
                migrations.RemoveConstraint(model_name="addendum", name="audit_addendum_digest_is_a_sha256"),
            ]
        ),
        migrations.CreateModel(
            name="Lookup",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("value", models.BinaryField()),
                ("event_id", models.UUIDField()),
                (
                    "key_id",
                    models.UUIDField(
                        db_index=True, help_text="The SubjectKey with which it goes.", null=True
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["value", "event_id"], name="audit_lookup_by_value")],
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            django.db.models.functions.text.Length("value"), 16
                        ),
                        name="audit_lookup_value_has_16_bytes",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Check",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("asked_by", models.UUIDField(null=True)),
                ("asked_at", models.DateTimeField()),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                    ),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                ("attempts", models.SmallIntegerField(default=0)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("findings", models.JSONField(default=list)),
                ("finished_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
            ],
            options={"indexes": [models.Index(fields=["-asked_at"], name="audit_check_by_time")]},
        ),
        migrations.CreateModel(
            name="RemovedMonth",
            fields=[
                ("month", models.CharField(max_length=7, primary_key=True, serialize=False)),
                ("first", models.BigIntegerField(help_text="Index of the first event that went.")),
                ("last", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
                ("event_id", models.UUIDField(help_text="The event that says so.")),
                ("removed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="KnownSetting",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("process", models.CharField(max_length=32)),
                ("name", models.CharField(max_length=64)),
                ("value", models.TextField()),
                ("since", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["process", "name"], name="audit_setting_is_known_once_a_process"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="export",
            name="language",
            field=models.CharField(default="en", help_text="Of what people read in it.", max_length=8),
        ),
    ]
