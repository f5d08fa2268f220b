"""Keys of the trail's months may end too; that their month has to be removed first, a trigger of the trail's says."""

from django.db import migrations

BEFORE = """
DROP TRIGGER kek_of_no_month_stays ON kms_kek;
CREATE TRIGGER kek_of_no_month_stays BEFORE UPDATE ON kms_kek
    FOR EACH ROW WHEN (NEW.state <> 'active' AND NEW.name !~ '^(%s)-[0-9]{4}-[0-9]{2}$')
    EXECUTE FUNCTION kms_forbid();
"""


class Migration(migrations.Migration):
    dependencies = [("kms", "0002_keks")]

    operations = [migrations.RunSQL(BEFORE % "audio|fields|trail", BEFORE % "audio|fields")]
