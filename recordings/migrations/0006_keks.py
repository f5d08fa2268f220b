"""Under which version each data key is wrapped; what a key-encryption key's end waits for; work on keys."""

import uuid

from django.db import migrations, models

# The version stands in bytes 1 to 4 of what the keyring wrapped, and nothing else has wrapped before. The key of
# a recording's fields (kind 32) is wrapped by a local master of the month, here by its first generation, 0.
FILL = """
UPDATE recordings_storedkey SET kek_version =
    (get_byte(wrapped, 1) << 24) + (get_byte(wrapped, 2) << 16) + (get_byte(wrapped, 3) << 8) + get_byte(wrapped, 4)
    WHERE kind <> 32;
INSERT INTO kms_kek (name, state, oldest_version, made_ahead, is_recorded)
    SELECT DISTINCT kek, 'active', 1, false, false FROM recordings_storedkey WHERE kind <> 32
    ON CONFLICT DO NOTHING;
"""

# Storing a key takes the key-encryption key's row in share, and closing that, or giving up its older versions,
# takes it alone: each sees what the other has committed. pg_temp stands last, or a temporary table could hide ours.
KEYS_NEED_A_KEK = """
CREATE FUNCTION recordings_field_master(kek text, generation integer) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog AS $body$
    SELECT CASE generation WHEN 0 THEN kek ELSE kek || '/' || generation END
$body$;
CREATE FUNCTION recordings_key_needs_a_kek() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    PERFORM 1 FROM kms_kek
        WHERE name IN (SELECT kek FROM fresh WHERE kind <> 32) ORDER BY name FOR SHARE;
    PERFORM 1 FROM kms_master
        WHERE name IN (SELECT recordings_field_master(kek, kek_version) FROM fresh WHERE kind = 32)
        ORDER BY name FOR KEY SHARE;
    IF EXISTS (
        SELECT 1 FROM fresh LEFT JOIN kms_kek ON kms_kek.name = fresh.kek
        WHERE fresh.kind <> 32
          AND (kms_kek.name IS NULL OR state <> 'active' OR fresh.kek_version < oldest_version)
    ) OR EXISTS (
        SELECT 1 FROM fresh
        LEFT JOIN kms_master ON kms_master.name = recordings_field_master(fresh.kek, fresh.kek_version)
        WHERE fresh.kind = 32 AND kms_master.name IS NULL
    ) THEN
        RAISE EXCEPTION 'the key that wraps it is being destroyed, or was replaced'
            USING ERRCODE = '23000', CONSTRAINT = 'key_is_under_a_kek_in_use';
    END IF;
    RETURN NULL;
END
$body$;
CREATE TRIGGER key_is_under_a_kek_in_use AFTER INSERT ON recordings_storedkey
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION recordings_key_needs_a_kek();
CREATE TRIGGER key_moves_under_a_kek_in_use AFTER UPDATE ON recordings_storedkey
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION recordings_key_needs_a_kek();
"""

# The lowest version is the first entry of the index. EXISTS would read the whole table, with ingest waiting, where
# the statistics of yesterday promise many rows and there are none.
KEKS_OUTLIVE_THEIR_KEYS = """
CREATE FUNCTION recordings_kek_has_no_keys() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE lowest integer := (SELECT min(kek_version) FROM recordings_storedkey WHERE kek = NEW.name);
BEGIN
    IF lowest < NEW.oldest_version OR (NEW.state <> 'active' AND lowest IS NOT NULL) THEN
        RAISE EXCEPTION 'a data key lives on this key'
            USING ERRCODE = '23000', CONSTRAINT = 'kek_of_a_data_key_stays';
    END IF;
    RETURN NULL;
END
$body$;
CREATE TRIGGER kek_of_a_data_key_stays AFTER UPDATE ON kms_kek
    FOR EACH ROW EXECUTE FUNCTION recordings_kek_has_no_keys();

CREATE FUNCTION recordings_master_has_no_keys() RETURNS trigger LANGUAGE plpgsql
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
CREATE TRIGGER master_of_a_key_stays BEFORE DELETE ON kms_master
    FOR EACH ROW EXECUTE FUNCTION recordings_master_has_no_keys();
"""


class Migration(migrations.Migration):
    dependencies = [("recordings", "0005_dpo_lists"), ("kms", "0002_keks")]

    operations = [
        migrations.AddField(
            "StoredKey",
            "kek_version",
            models.PositiveIntegerField(
                default=0,
                help_text="Version of the key-encryption key, or generation of the field master.",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            "StoredKey", models.Index(fields=["kek", "kek_version", "id"], name="storedkey_by_kek")
        ),
        migrations.AddIndex(
            "Recording",
            models.Index(
                condition=models.Q(("state", "erased")),
                fields=["key_month", "erased_at"],
                name="recording_erased_by_month",
            ),
        ),
        migrations.CreateModel(
            name="KeyWork",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kek", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("rotate", "New version"),
                            ("harden", "New version, older ones destroyed"),
                            ("replace", "Replaced because it may be known to others"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "asked_by",
                    models.UUIDField(help_text="The account; none: the schedule or a command.", null=True),
                ),
                ("asked_at", models.DateTimeField()),
                (
                    "version",
                    models.PositiveIntegerField(help_text="The new version; none: not made yet.", null=True),
                ),
                (
                    "after_version",
                    models.PositiveIntegerField(
                        default=0, help_text="Version of the last data key looked at."
                    ),
                ),
                (
                    "after",
                    models.UUIDField(
                        default=uuid.UUID(int=0), help_text="The last data key that was looked at."
                    ),
                ),
                ("total", models.BigIntegerField(default=0)),
                ("rewrapped", models.BigIntegerField(default=0)),
                (
                    "refused",
                    models.BigIntegerField(
                        default=0, help_text="Keys that do not unwrap: altered, or of another recording."
                    ),
                ),
                ("moved_at", models.DateTimeField(help_text="When it last got on.")),
                (
                    "trim_at",
                    models.DateTimeField(
                        help_text="From when the older versions may go: a backup from after the rewrapping exists.",
                        null=True,
                    ),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "stuck_at",
                    models.DateTimeField(
                        help_text="When it was given up for somebody to look at.", null=True
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["kek", "-asked_at"], name="keywork_of_a_kek")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=("kek",),
                        name="keywork_is_one_at_a_time",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            KEYS_NEED_A_KEK,
            """
            DROP TRIGGER key_moves_under_a_kek_in_use ON recordings_storedkey;
            DROP TRIGGER key_is_under_a_kek_in_use ON recordings_storedkey;
            DROP FUNCTION recordings_key_needs_a_kek();
            DROP FUNCTION recordings_field_master(text, integer)
            """,
        ),
        migrations.RunSQL(
            KEKS_OUTLIVE_THEIR_KEYS,
            """
            DROP TRIGGER master_of_a_key_stays ON kms_master;
            DROP FUNCTION recordings_master_has_no_keys();
            DROP TRIGGER kek_of_a_data_key_stays ON kms_kek;
            DROP FUNCTION recordings_kek_has_no_keys()
            """,
        ),
    ]
