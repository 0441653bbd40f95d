"""The replaced service, as small as it can honestly be."""

from .celery import app

__all__ = ["app"]
