"""What the database refuses, whatever the code does.

A key is not deleted while a hold on its recording has not been released; an erased recording takes no hold; a
hold is placed and released once; what a version of a policy says does not change.
"""

from django.db import migrations

# Locking the recording first puts a hold and a destruction that meet into one order: a hold's foreign key
# takes the same row's lock, so each sees what the other has committed. pg_temp stands last in the search path:
# left out it would come first, and a temporary table of the same name would hide the holds.
HELD_KEYS_STAY = """
CREATE FUNCTION retention_held_keys_stay() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    PERFORM 1 FROM recordings_recording
        WHERE id IN (SELECT recording_id FROM gone) ORDER BY id FOR UPDATE;
    IF EXISTS (
        SELECT 1 FROM retention_hold
        WHERE released_at IS NULL AND recording_id IN (SELECT recording_id FROM gone)
    ) THEN
        RAISE EXCEPTION 'a hold on the recording has not been released'
            USING ERRCODE = '23000', CONSTRAINT = 'key_of_a_held_recording_stays';
    END IF;
    RETURN NULL;
END
$body$;
CREATE TRIGGER key_of_a_held_recording_stays AFTER DELETE ON recordings_storedkey
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION retention_held_keys_stay();

CREATE FUNCTION retention_forbid() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
BEGIN
    RAISE EXCEPTION '% on % is not possible', TG_OP, TG_TABLE_NAME
        USING ERRCODE = '23000', CONSTRAINT = TG_NAME;
END
$body$;
CREATE TRIGGER keys_are_not_truncated BEFORE TRUNCATE ON recordings_storedkey
    FOR EACH STATEMENT EXECUTE FUNCTION retention_forbid();
CREATE TRIGGER key_stays_with_its_recording BEFORE UPDATE OF recording_id ON recordings_storedkey
    FOR EACH ROW WHEN (OLD.recording_id <> NEW.recording_id) EXECUTE FUNCTION retention_forbid();
"""

HOLDS_ARE_RELEASED_ONCE = """
CREATE FUNCTION retention_hold_needs_a_recording() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE standing text;
BEGIN
    SELECT state INTO standing FROM recordings_recording WHERE id = NEW.recording_id FOR UPDATE;
    IF standing = 'erased' THEN
        RAISE EXCEPTION 'the recording has been erased'
            USING ERRCODE = '23000', CONSTRAINT = 'hold_is_on_a_recording_that_is_there';
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER hold_is_on_a_recording_that_is_there BEFORE INSERT ON retention_hold
    FOR EACH ROW EXECUTE FUNCTION retention_hold_needs_a_recording();
CREATE TRIGGER hold_is_never_deleted BEFORE DELETE ON retention_hold
    FOR EACH ROW EXECUTE FUNCTION retention_forbid();
CREATE TRIGGER holds_are_not_truncated BEFORE TRUNCATE ON retention_hold
    FOR EACH STATEMENT EXECUTE FUNCTION retention_forbid();
CREATE TRIGGER hold_changes_only_by_its_release BEFORE UPDATE ON retention_hold
    FOR EACH ROW WHEN (
        OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
        OR to_jsonb(OLD) - '{released_at,released_by,release_reason_sealed}'::text[]
           IS DISTINCT FROM to_jsonb(NEW) - '{released_at,released_by,release_reason_sealed}'::text[]
    ) EXECUTE FUNCTION retention_forbid();
"""

POLICIES_STAY_AS_WRITTEN = """
CREATE TRIGGER policy_is_never_deleted BEFORE DELETE ON retention_retentionpolicy
    FOR EACH ROW EXECUTE FUNCTION retention_forbid();
CREATE TRIGGER policies_are_not_truncated BEFORE TRUNCATE ON retention_retentionpolicy
    FOR EACH STATEMENT EXECUTE FUNCTION retention_forbid();
CREATE TRIGGER policy_stays_as_written BEFORE UPDATE ON retention_retentionpolicy
    FOR EACH ROW WHEN (
        (OLD.approved_at IS NOT NULL AND NEW.approved_at IS DISTINCT FROM OLD.approved_at)
        OR (OLD.approved_by IS NOT NULL AND NEW.approved_by IS DISTINCT FROM OLD.approved_by)
        OR OLD.retired_at IS NOT NULL
        OR to_jsonb(OLD) - '{approved_at,approved_by,retired_at,retired_by}'::text[]
           IS DISTINCT FROM to_jsonb(NEW) - '{approved_at,approved_by,retired_at,retired_by}'::text[]
    ) EXECUTE FUNCTION retention_forbid();
"""

# A step back would make an erased recording look unerased.
ERASURES_GO_FORWARD = """
CREATE TRIGGER erasure_does_not_come_back BEFORE UPDATE ON retention_erasure
    FOR EACH ROW WHEN (
        (OLD.key_destroyed_at IS NOT NULL AND NEW.key_destroyed_at IS DISTINCT FROM OLD.key_destroyed_at)
        OR (OLD.objects_deleted_at IS NOT NULL AND NEW.objects_deleted_at IS DISTINCT FROM OLD.objects_deleted_at)
        OR (OLD.verified_at IS NOT NULL AND NEW.verified_at IS DISTINCT FROM OLD.verified_at)
        OR OLD.certified_at IS NOT NULL OR OLD.recording_id <> NEW.recording_id OR NEW.fence < OLD.fence
    ) EXECUTE FUNCTION retention_forbid();
CREATE TRIGGER erasure_begun_is_never_deleted BEFORE DELETE ON retention_erasure
    FOR EACH ROW WHEN (OLD.key_destroyed_at IS NOT NULL) EXECUTE FUNCTION retention_forbid();
CREATE TRIGGER erasures_are_not_truncated BEFORE TRUNCATE ON retention_erasure
    FOR EACH STATEMENT EXECUTE FUNCTION retention_forbid();
"""


class Migration(migrations.Migration):
    """Run the SQL above, in order; backwards, drop it all."""

    dependencies = [("retention", "0001_initial")]

    operations = [
        migrations.RunSQL(
            HELD_KEYS_STAY,
            """
            DROP TRIGGER key_stays_with_its_recording ON recordings_storedkey;
            DROP TRIGGER keys_are_not_truncated ON recordings_storedkey;
            DROP FUNCTION retention_forbid();
            DROP TRIGGER key_of_a_held_recording_stays ON recordings_storedkey;
            DROP FUNCTION retention_held_keys_stay()
            """,
        ),
        migrations.RunSQL(
            HOLDS_ARE_RELEASED_ONCE,
            """
            DROP TRIGGER hold_changes_only_by_its_release ON retention_hold;
            DROP TRIGGER holds_are_not_truncated ON retention_hold;
            DROP TRIGGER hold_is_never_deleted ON retention_hold;
            DROP TRIGGER hold_is_on_a_recording_that_is_there ON retention_hold;
            DROP FUNCTION retention_hold_needs_a_recording()
            """,
        ),
        migrations.RunSQL(
            POLICIES_STAY_AS_WRITTEN,
            """
            DROP TRIGGER policy_stays_as_written ON retention_retentionpolicy;
            DROP TRIGGER policies_are_not_truncated ON retention_retentionpolicy;
            DROP TRIGGER policy_is_never_deleted ON retention_retentionpolicy
            """,
        ),
        migrations.RunSQL(
            ERASURES_GO_FORWARD,
            """
            DROP TRIGGER erasures_are_not_truncated ON retention_erasure;
            DROP TRIGGER erasure_begun_is_never_deleted ON retention_erasure;
            DROP TRIGGER erasure_does_not_come_back ON retention_erasure
            """,
        ),
    ]
