"""Rejected messages by reason, pattern of the topic and sender."""

from django.db import migrations, models

from telemetry.services.rejected import group_key
from telemetry.topic_patterns import topic_pattern

CHUNK = 1000


def fill(apps, schema_editor):
    RejectedMessage = apps.get_model("telemetry", "RejectedMessage")
    rows = []
    waiting = RejectedMessage.objects.only("id", "topic", "reason").iterator(chunk_size=CHUNK)
    for message in waiting:
        found = topic_pattern(message.topic)
        message.pattern, message.sender = found.pattern, found.sender
        message.group_key = group_key(message.reason, found)
        rows.append(message)
        if len(rows) == CHUNK:
            RejectedMessage.objects.bulk_update(rows, ["pattern", "sender", "group_key"])
            rows = []
    RejectedMessage.objects.bulk_update(rows, ["pattern", "sender", "group_key"])


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0008_exports")]

    operations = [
        migrations.AddField(
            model_name="rejectedmessage",
            name="pattern",
            field=models.CharField(
                blank=True, default="", max_length=300, verbose_name="pattern of the topic"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="rejectedmessage",
            name="sender",
            field=models.CharField(blank=True, default="", max_length=150, verbose_name="sender"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="rejectedmessage",
            name="group_key",
            field=models.CharField(blank=True, default="", editable=False, max_length=32),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="rejectedmessage",
            index=models.Index(fields=["tenant", "state", "group_key"], name="rejected_group"),
        ),
    ]
