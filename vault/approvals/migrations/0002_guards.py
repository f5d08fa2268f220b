"""What the database refuses, whatever the code does.

A request begins waiting and undecided; who asked for what does not change; a decision is made once; what is
over stays as it is, except that its words may be emptied.
"""

from django.db import migrations

REQUESTS_ARE_DECIDED_ONCE = """
CREATE FUNCTION approvals_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $body$
DECLARE words text[] := ARRAY['reason_sealed', 'words_sealed'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'waiting' THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.kind, NEW.target_id, NEW.parameters, NEW.asked_by_id, NEW.asked_at, NEW.expires_at)
                IS NOT DISTINCT FROM
            (OLD.id, OLD.kind, OLD.target_id, OLD.parameters, OLD.asked_by_id, OLD.asked_at, OLD.expires_at)
            AND (OLD.decided_at IS NULL OR (NEW.decided_by_id, NEW.decided_at) IS NOT DISTINCT FROM
                (OLD.decided_by_id, OLD.decided_at))
            AND (OLD.state <> 'approved' OR NEW.state <> 'waiting')
            AND (NEW.reason_sealed = OLD.reason_sealed OR NEW.reason_sealed = '')
            AND (OLD.decided_at IS NULL OR NEW.words_sealed = OLD.words_sealed OR NEW.words_sealed = '')
            AND (OLD.ended_at IS NULL OR to_jsonb(NEW) - words = to_jsonb(OLD) - words)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% on % is not possible', TG_OP, TG_TABLE_NAME
        USING ERRCODE = '23000', CONSTRAINT = TG_NAME;
END
$body$;
CREATE TRIGGER a_request_is_decided_once BEFORE INSERT OR UPDATE OR DELETE ON approvals_approval
    FOR EACH ROW EXECUTE FUNCTION approvals_guard();
CREATE TRIGGER requests_are_not_truncated BEFORE TRUNCATE ON approvals_approval
    FOR EACH STATEMENT EXECUTE FUNCTION approvals_guard();
"""

UNDO = """
DROP TRIGGER a_request_is_decided_once ON approvals_approval;
DROP TRIGGER requests_are_not_truncated ON approvals_approval;
DROP FUNCTION approvals_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_requests")]

    operations = [migrations.RunSQL(REQUESTS_ARE_DECIDED_ONCE, UNDO)]
