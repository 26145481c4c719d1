"""Asks quickly whether some rule of a tenant waits for an event."""

from django.db import migrations, models

_NOTE = """
CREATE OR REPLACE FUNCTION automation_note_live_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO automation_automationeventnote
        (tenant_id, event_id, type, severity, site_id, device_id, payload, occurred_at)
    SELECT fresh.tenant_id, fresh.event_id, fresh.type, fresh.severity, fresh.site_id,
        fresh.device_id, fresh.payload, fresh.occurred_at
    FROM fresh WHERE EXISTS (
        SELECT FROM automation_automationrule AS rule
        WHERE rule.tenant_id = fresh.tenant_id AND rule.is_enabled AND rule.quarantine = ''
            {condition}AND fresh.type = ANY (rule.listens))
    ORDER BY fresh.id;
    RETURN NULL;
END $$;
"""
# the condition of the index, so that it is used
QUICK = _NOTE.replace("{condition}", "AND NOT rule.listens = '{}' ")
SLOW = _NOTE.replace("{condition}", "")


class Migration(migrations.Migration):
    dependencies = [("automation", "0006_guard_walls"), ("devices", "0031_site_place")]

    operations = [
        migrations.AddIndex(
            model_name="automationrule",
            index=models.Index(
                condition=models.Q(("is_enabled", True), ("quarantine", ""))
                & models.Q(("listens", []), _negated=True),
                fields=["tenant"],
                name="automation_rule_listens",
            ),
        ),
        migrations.RunSQL(QUICK, SLOW),
    ]
