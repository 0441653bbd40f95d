"""The two calls that are measured."""

from django.db import transaction
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import WebhookEvent
from .tasks import process


class Receive(APIView):
    def post(self, request):
        body = request.data
        if isinstance(body, dict) and set(body) == {"source", "payload"}:
            source, payload = body["source"], body["payload"]
        else:
            source, payload = request.query_params.get("source", "unknown"), body
        with transaction.atomic():
            event = WebhookEvent.objects.create(source=source, payload=payload)
            transaction.on_commit(lambda: process.delay(str(event.id)))
        return Response({"id": str(event.id), "status": event.status, "message": "Webhook received."})
