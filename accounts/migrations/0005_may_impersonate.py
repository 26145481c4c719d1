"""A permission for platform staff who may act as a customer."""

from django.db import migrations


class Migration(migrations.Migration):
    """Names it; Django adds its row after migrating."""

    dependencies = [("accounts", "0004_audit_is_append_only")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [("impersonate", "Can act as a customer")],
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
    ]
