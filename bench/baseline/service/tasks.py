"""What is done with a webhook: it is looked at, and marked as done."""

from celery import shared_task
from django.utils import timezone

from .models import WebhookEvent


@shared_task
def process(event_id):
    event = WebhookEvent.objects.get(id=event_id)
    event.status = "processing"
    event.save(update_fields=["status"])
    _size = len(event.payload)
    event.status = "processed"
    event.processed_at = timezone.now()
    event.save(update_fields=["status", "processed_at"])
