"""The first purposes (a customer's list grows from them), and a history of lawful bases that only grows."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

PURPOSES = [
    ("complaint", "Complaint handling"),
    ("quality", "Quality review"),
    ("agreement", "Checking what was agreed"),
    ("training", "Training new colleagues"),
    ("emergency", "Handling an emergency"),
]

HISTORY_ONLY_GROWS = """
CREATE FUNCTION recordings_history_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of lawful bases is never changed, only added to'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER lawful_basis_is_never_changed
    BEFORE UPDATE ON recordings_lawfulbasis
    FOR EACH ROW EXECUTE FUNCTION recordings_history_only_grows();
"""
HISTORY_MAY_CHANGE = """
DROP TRIGGER lawful_basis_is_never_changed ON recordings_lawfulbasis;
DROP FUNCTION recordings_history_only_grows();
"""


def add_purposes(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    purposes = apps.get_model("recordings", "Purpose").objects.using(schema_editor.connection.alias)
    for position, (code, name) in enumerate(PURPOSES):
        purposes.create(code=code, name=name, position=position)


def remove_purposes(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    purposes = apps.get_model("recordings", "Purpose").objects.using(schema_editor.connection.alias)
    purposes.filter(code__in=[code for code, _ in PURPOSES]).delete()


class Migration(migrations.Migration):
    dependencies = [("recordings", "0001_initial")]

    operations = [
        migrations.RunPython(add_purposes, remove_purposes),
        migrations.RunSQL(HISTORY_ONLY_GROWS, HISTORY_MAY_CHANGE),
    ]
