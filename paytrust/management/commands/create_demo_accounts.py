"""Accounts for a stack on one's own machine."""

import json
import secrets

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from apikeys import services

TENANT = "Demo merchant"
USERNAME = "admin"


class Command(BaseCommand):
    help = "Make the demo merchant's API key and an administrator; print both as JSON, once."

    @transaction.atomic
    def handle(self, *args: object, **options: object) -> None:
        now = timezone.now()
        tenant = services.create_tenant(name=TENANT, now=now)
        _, presented = services.create_key(
            tenant=tenant, description="make up", actor="make up", ip_address=None, now=now
        )
        password = secrets.token_urlsafe(18)
        user, _ = get_user_model().objects.get_or_create(
            username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
        )
        user.set_password(password)
        user.save(update_fields=["password"])
        self.stdout.write(
            json.dumps({"api_key": presented, "username": USERNAME, "password": password})
        )
