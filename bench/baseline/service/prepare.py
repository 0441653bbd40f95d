"""Makes the tables and a sender with the password in SERVICE_PASSWORD, and prints an access token."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "service.settings")
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402

call_command("migrate", verbosity=0)
sender = get_user_model().objects.create_user("sender", "sender@example.test", os.environ["SERVICE_PASSWORD"])
print(AccessToken.for_user(sender))
