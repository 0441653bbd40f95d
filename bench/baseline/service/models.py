"""What is stored of a webhook."""

import uuid

from django.db import models


class WebhookEvent(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField(max_length=100, db_index=True)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)
    processed_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=20, default="pending", db_index=True)
    error_message = models.TextField(blank=True, default="")

    class Meta:
        app_label = "service"
        ordering = ["-received_at"]
