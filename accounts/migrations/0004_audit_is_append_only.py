"""Nobody changes or deletes audit events: the table refuses it, whoever asks.

An owner of the table could still disable the triggers: in production the application
signs in with a role that owns nothing (docs/how-to/production.md). `audit_verify` finds
what was changed all the same.
"""

from django.db import migrations

REFUSE = """
CREATE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are never changed or deleted'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON accounts_auditevent FROM PUBLIC
"""
ALLOW = """
DROP TRIGGER audit_no_truncate ON accounts_auditevent;
DROP TRIGGER audit_no_change ON accounts_auditevent;
DROP FUNCTION accounts_refuse_change()
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_access_walls")]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
