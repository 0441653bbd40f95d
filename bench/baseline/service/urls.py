"""Paths, as the service had them."""

from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView

from .views import Receive

urlpatterns = [
    path("api/auth/token/", TokenObtainPairView.as_view()),
    path("api/webhooks/receive/", Receive.as_view()),
]
