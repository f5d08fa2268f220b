"""The books of key-encryption keys, and under which version each master is wrapped."""

import django.db.models.functions.datetime
from django.db import migrations, models

# The version stands in bytes 1 to 4 of what the keyring wrapped, and nothing else has wrapped before.
FILL = """
UPDATE kms_master SET kek_version =
    (get_byte(wrapped, 1) << 24) + (get_byte(wrapped, 2) << 16) + (get_byte(wrapped, 3) << 8) + get_byte(wrapped, 4);
INSERT INTO kms_kek (name, state, oldest_version, made_ahead, is_recorded)
    SELECT DISTINCT kek, 'active', 1, false, false FROM kms_master ON CONFLICT DO NOTHING;
"""

# What stands in the books of a key goes forward only. Closing it waits for whoever is storing something under it.
BOOKS_GO_FORWARD = """
CREATE FUNCTION kms_forbid() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
BEGIN
    RAISE EXCEPTION '% on % is not possible', TG_OP, TG_TABLE_NAME
        USING ERRCODE = '23000', CONSTRAINT = TG_NAME;
END
$body$;
CREATE TRIGGER kek_only_goes_forward BEFORE UPDATE ON kms_kek
    FOR EACH ROW WHEN (
        OLD.name <> NEW.name OR NEW.oldest_version < OLD.oldest_version
        OR (OLD.state <> 'active' AND NEW.state = 'active') OR (OLD.state = 'destroyed')
    ) EXECUTE FUNCTION kms_forbid();
-- The jobs destroy what stands here as closed or given up, so the books themselves say what may be.
CREATE TRIGGER kek_begins_in_use BEFORE INSERT ON kms_kek
    FOR EACH ROW WHEN (NEW.state <> 'active' OR NEW.oldest_version <> 1) EXECUTE FUNCTION kms_forbid();
CREATE TRIGGER kek_of_no_month_stays BEFORE UPDATE ON kms_kek
    FOR EACH ROW WHEN (NEW.state <> 'active' AND NEW.name !~ '^(audio|fields)-[0-9]{4}-[0-9]{2}$')
    EXECUTE FUNCTION kms_forbid();
CREATE TRIGGER kek_of_wraps_elsewhere_keeps_its_versions BEFORE UPDATE ON kms_kek
    FOR EACH ROW WHEN (NEW.oldest_version <> 1 AND NEW.name IN ('ledger', 'exports'))
    EXECUTE FUNCTION kms_forbid();
CREATE TRIGGER kek_is_never_deleted BEFORE DELETE ON kms_kek
    FOR EACH ROW EXECUTE FUNCTION kms_forbid();
CREATE TRIGGER keks_are_not_truncated BEFORE TRUNCATE ON kms_kek
    FOR EACH STATEMENT EXECUTE FUNCTION kms_forbid();

CREATE FUNCTION kms_master_needs_a_kek() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    PERFORM 1 FROM kms_kek
        WHERE name = NEW.kek AND state = 'active' AND oldest_version <= NEW.kek_version FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key-encryption key may not wrap'
            USING ERRCODE = '23000', CONSTRAINT = 'master_is_under_a_kek_in_use';
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER master_is_under_a_kek_in_use BEFORE INSERT OR UPDATE ON kms_master
    FOR EACH ROW EXECUTE FUNCTION kms_master_needs_a_kek();

CREATE FUNCTION kms_kek_has_no_masters() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    IF EXISTS (
        SELECT 1 FROM kms_master
        WHERE kek = NEW.name AND (NEW.state <> 'active' OR kek_version < NEW.oldest_version)
    ) THEN
        RAISE EXCEPTION 'a local master lives on this key'
            USING ERRCODE = '23000', CONSTRAINT = 'kek_of_a_master_stays';
    END IF;
    RETURN NULL;
END
$body$;
CREATE TRIGGER kek_of_a_master_stays AFTER UPDATE ON kms_kek
    FOR EACH ROW EXECUTE FUNCTION kms_kek_has_no_masters();
"""

BACK = """
DROP TRIGGER kek_of_a_master_stays ON kms_kek;
DROP FUNCTION kms_kek_has_no_masters();
DROP TRIGGER master_is_under_a_kek_in_use ON kms_master;
DROP FUNCTION kms_master_needs_a_kek();
DROP TRIGGER keks_are_not_truncated ON kms_kek;
DROP TRIGGER kek_is_never_deleted ON kms_kek;
DROP TRIGGER kek_of_wraps_elsewhere_keeps_its_versions ON kms_kek;
DROP TRIGGER kek_of_no_month_stays ON kms_kek;
DROP TRIGGER kek_begins_in_use ON kms_kek;
DROP TRIGGER kek_only_goes_forward ON kms_kek;
DROP FUNCTION kms_forbid()
"""


class Migration(migrations.Migration):
    dependencies = [("kms", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Kek",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "In use"),
                            ("closing", "Being destroyed"),
                            ("destroyed", "Destroyed"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                (
                    "oldest_version",
                    models.PositiveIntegerField(
                        default=1, help_text="Nothing wrapped under an older version is stored any more."
                    ),
                ),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "made_ahead",
                    models.BooleanField(
                        default=False,
                        help_text="Made before it was needed, so that a backup holds it before its first use.",
                    ),
                ),
                (
                    "is_recorded",
                    models.BooleanField(default=False, help_text="That it was made stands in the trail."),
                ),
                ("rotated_at", models.DateTimeField(null=True)),
                (
                    "hardened_at",
                    models.DateTimeField(
                        help_text="What was erased before this is beyond its older versions, which are gone.",
                        null=True,
                    ),
                ),
                ("closed_at", models.DateTimeField(null=True)),
                ("destroyed_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("closed_at__isnull", True), ("state", "active"))
                        | (~models.Q(("state", "active")) & models.Q(("closed_at__isnull", False))),
                        name="kek_in_use_is_not_closed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("destroyed_at__isnull", False), ("state", "destroyed"))
                        | (~models.Q(("state", "destroyed")) & models.Q(("destroyed_at__isnull", True))),
                        name="kek_destroyed_at_says_when",
                    ),
                ],
            },
        ),
        migrations.AddField(
            "Master",
            "kek_version",
            models.PositiveIntegerField(
                default=1, help_text="Version of the key-encryption key that wraps it."
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(BOOKS_GO_FORWARD, BACK),
    ]
