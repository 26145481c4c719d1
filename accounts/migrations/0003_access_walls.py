"""References to roles carry the tenant: another tenant's role cannot be given."""

from django.db import migrations


def wall(table, column="custom_role_id", target="accounts_role"):
    """Return the operation that adds the composite foreign key."""
    name = f"{table}_{column}_same_tenant"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
        f"REFERENCES {target} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_access")]

    operations = [
        wall("accounts_membership"),
        wall("accounts_invitation"),
        wall("accounts_apikey", "replaces_id", "accounts_apikey"),
    ]
