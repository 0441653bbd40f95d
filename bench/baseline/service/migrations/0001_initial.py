"""The one table."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("source", models.CharField(db_index=True, max_length=100)),
                ("payload", models.JSONField()),
                ("received_at", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("processed_at", models.DateTimeField(null=True)),
                ("status", models.CharField(db_index=True, default="pending", max_length=20)),
                ("error_message", models.TextField(blank=True, default="")),
            ],
            options={"ordering": ["-received_at"]},
        ),
    ]
