"""The one way in which events leave: a whole month, long over, numbered and signed, by a function of the owner's.

It trusts nobody who calls it. What it removes must be the oldest month there is, over for a year by the database's
clock; one goes in a day; and an event of the same transaction must say exactly what goes. Whoever may add events
may call it; the sequencer's account, which may not, gets nothing from it.
"""

from django.db import migrations

REMOVE_MONTH = """
CREATE FUNCTION audit_remove_month(asked text, said_by uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    at timestamptz := clock_timestamp();
    today timestamp := date_trunc('day', at AT TIME ZONE 'UTC');
    events text := 'audit_event_' || translate(asked, '-', '_');
    addenda text := 'audit_addendum_' || translate(asked, '-', '_');
    older text;
    is_there boolean;
    days integer;
    gone record;
    facts jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_make_partitions'));
    IF asked !~ '^[0-9]{4}-(0[1-9]|1[0-2])$' OR to_regclass('public.' || quote_ident(events)) IS NULL THEN
        RAISE EXCEPTION 'no such month: %', asked USING ERRCODE = '55000';
    END IF;
    IF to_date(asked, 'YYYY-MM') + interval '13 months' > at AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION 'month % is not over for a year', asked USING ERRCODE = '55000';
    END IF;
    IF EXISTS (SELECT FROM public.audit_removedmonth WHERE removed_at > at - interval '20 hours') THEN
        RAISE EXCEPTION 'a month was removed today' USING ERRCODE = '55000';
    END IF;
    -- A clock that jumps ahead finds no events on the days before: for a week nothing goes, and people are told.
    SELECT count(*) INTO days FROM generate_series(1, 30) AS ago WHERE EXISTS (
        SELECT FROM public.audit_event
        WHERE recorded_at >= (today - make_interval(days => ago)) AT TIME ZONE 'UTC'
          AND recorded_at < (today - make_interval(days => ago - 1)) AT TIME ZONE 'UTC'
          AND id >= (lpad(to_hex(1000 * extract(epoch FROM today - make_interval(days => ago))::bigint), 12, '0')
              || '00000000000000000000')::uuid
          AND id < (lpad(to_hex(1000 * extract(epoch FROM today - make_interval(days => ago - 1))::bigint), 12, '0')
              || '00000000000000000000')::uuid
    );
    IF days < 7 THEN
        RAISE EXCEPTION 'events on only % of the last 30 days: is the clock right?', days USING ERRCODE = '55000';
    END IF;
    FOR older IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'public.audit_event'::regclass AND relname < events
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', older) INTO is_there;
        IF is_there THEN
            RAISE EXCEPTION 'an older month has to go first: %', older USING ERRCODE = '55000';
        END IF;
    END LOOP;

    EXECUTE format(
        'SELECT min(index) AS first, max(index) AS last, count(*) AS events, count(index) AS numbered'
        ' FROM public.%I AS event LEFT JOIN public.audit_leaf AS leaf ON leaf.event_id = event.id', events
    ) INTO gone;
    IF gone.events = 0 OR gone.numbered < gone.events
        OR gone.last >= (SELECT coalesce(max(size), 0) FROM public.audit_checkpoint)
    THEN
        RAISE EXCEPTION 'month % is empty, or not all of it is numbered and signed', asked USING ERRCODE = '55000';
    END IF;
    IF gone.last >= (SELECT max(size) FROM public.audit_anchor) THEN
        RAISE EXCEPTION 'month % is not anchored', asked USING ERRCODE = '55000';
    END IF;
    SELECT convert_from(entry, 'UTF8')::jsonb -> 'facts' INTO facts FROM public.audit_event
        WHERE id = said_by AND action = 'trail.month_removed' AND outcome = 'done'
          AND tx = pg_current_xact_id() AND recorded_at > at - interval '1 day';
    IF facts IS NULL OR (facts ->> 'month', facts -> 'first', facts -> 'last', facts -> 'events')
        IS DISTINCT FROM (asked, to_jsonb(gone.first), to_jsonb(gone.last), to_jsonb(gone.events))
    THEN
        RAISE EXCEPTION 'no event of this transaction says what goes' USING ERRCODE = '55000';
    END IF;

    -- Whoever writes waits for this, so it does not wait for them.
    PERFORM set_config('lock_timeout', '1500', true);
    EXECUTE format('DROP TABLE public.%I', events);
    EXECUTE format('DROP TABLE IF EXISTS public.%I', addenda);
    INSERT INTO public.audit_removedmonth (month, first, last, events, event_id, removed_at)
        VALUES (asked, gone.first, gone.last, gone.events, said_by, at);
    RETURN gone.events;
END
$body$;

CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit_removedmonth
    FOR EACH ROW EXECUTE FUNCTION audit_forbid_change();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON audit_removedmonth
    FOR EACH STATEMENT EXECUTE FUNCTION audit_forbid_change();
"""

KEYS_STAY_SO_LONG = """
CREATE FUNCTION audit_kek_is_needed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    IF NOT EXISTS (SELECT FROM audit_removedmonth WHERE month = substr(NEW.name, 7)) THEN
        RAISE EXCEPTION '% on % is not possible', TG_OP, TG_TABLE_NAME
            USING ERRCODE = '23000', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER kek_of_the_trail_stays_with_its_month BEFORE UPDATE ON kms_kek
    FOR EACH ROW WHEN (NEW.state <> 'active' AND NEW.name LIKE 'trail-%')
    EXECUTE FUNCTION audit_kek_is_needed();
"""

BACK = """
DROP TRIGGER kek_of_the_trail_stays_with_its_month ON kms_kek;
DROP FUNCTION audit_kek_is_needed();
DROP TRIGGER audit_table_stays ON audit_removedmonth;
DROP TRIGGER audit_rows_stay ON audit_removedmonth;
DROP FUNCTION audit_remove_month(text, uuid);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_anchor_places"), ("kms", "0003_trail_keys_end")]

    operations = [migrations.RunSQL(REMOVE_MONTH + KEYS_STAY_SO_LONG, BACK)]
