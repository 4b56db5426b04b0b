"""Accounts for a stack on a developer's machine."""

import json
import secrets
from base64 import b32encode

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from apikeys.keys import services

TENANT = "Demo merchant"
USERNAME = "admin"


class Command(BaseCommand):
    help = "Make the demo merchant's API key and an administrator with a second factor; print all."

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
        device, _ = TOTPDevice.objects.get_or_create(user=user, name="make up")
        accounts = {
            "api_key": presented,
            "username": USERNAME,
            "password": password,
            "totp_secret": b32encode(device.bin_key).decode(),
        }
        self.stdout.write(json.dumps(accounts))
