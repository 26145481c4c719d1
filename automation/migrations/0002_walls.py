"""Walls between tenants around automation, and the queue of events that rules wait for."""

from django.db import migrations

WALLS = (
    ("automation_automationrule", "site_id", "devices_site"),
    ("automation_automationruleversion", "rule_id", "automation_automationrule"),
    ("automation_rulestate", "rule_id", "automation_automationrule"),
    ("automation_schedule", "site_id", "devices_site"),
    ("automation_schedule", "zone_id", "devices_zone"),
    ("automation_execution", "rule_id", "automation_automationrule"),
    ("automation_execution", "schedule_id", "automation_schedule"),
    ("automation_execution", "site_id", "devices_site"),
    ("automation_execution", "zone_id", "devices_zone"),
    ("automation_executionstep", "execution_id", "automation_execution"),
    ("automation_executionstep", "command_id", "devices_command"),
)

NOTE_EVENTS = """
CREATE FUNCTION automation_note_live_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO automation_automationeventnote
        (tenant_id, event_id, type, severity, site_id, device_id, payload, occurred_at)
    SELECT fresh.tenant_id, fresh.event_id, fresh.type, fresh.severity, fresh.site_id,
        fresh.device_id, fresh.payload, fresh.occurred_at
    FROM fresh WHERE EXISTS (
        SELECT FROM automation_automationrule AS rule
        WHERE rule.tenant_id = fresh.tenant_id AND rule.is_enabled AND rule.quarantine = ''
            AND fresh.type = ANY (rule.listens))
    ORDER BY fresh.id;
    RETURN NULL;
END $$;
CREATE TRIGGER automation_note_events AFTER INSERT ON devices_liveevent
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT
    EXECUTE FUNCTION automation_note_live_events();
"""
FORGET_EVENTS = """
DROP TRIGGER automation_note_events ON devices_liveevent;
DROP FUNCTION automation_note_live_events();
"""


def wall(table, column, target):
    """Return the operation that adds one composite foreign key."""
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("automation", "0001_automation"), ("devices", "0030_device_tags")]

    operations = [
        *(wall(*parts) for parts in WALLS),
        migrations.RunSQL(NOTE_EVENTS, FORGET_EVENTS),
    ]
