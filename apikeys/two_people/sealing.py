"""Secrets that wait for a second person, sealed under the first of CREDENTIAL_KEYS."""

import base64
import functools
import json
from collections.abc import Mapping
from http import HTTPStatus

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from paytrust.errors import PayTrustError


class SecretsUnreadable(PayTrustError):
    """No key of CREDENTIAL_KEYS opens what was proposed; propose it again."""

    status = HTTPStatus.CONFLICT
    code = "secrets_unreadable"


def seal(secrets: Mapping[str, str], *, subject: str) -> str:
    """Return the secrets sealed, to be stored until the decision; an empty text for none.

    The subject is sealed in, so that a token copied into another proposal opens nothing.
    """
    if not secrets:
        return ""
    said = json.dumps({"subject": subject, "secrets": dict(secrets)})
    return _fernet(tuple(settings.CREDENTIAL_KEYS)).encrypt(said.encode()).decode()


def unseal(sealed: str, *, subject: str) -> dict[str, str]:
    """Return the secrets that `seal` took.

    Raises:
        SecretsUnreadable: none of the keys opens it, or it was sealed for something else.
    """
    if not sealed:
        return {}
    try:
        said = json.loads(_fernet(tuple(settings.CREDENTIAL_KEYS)).decrypt(sealed.encode()))
    except InvalidToken as error:
        raise SecretsUnreadable from error
    if said["subject"] != subject:
        raise SecretsUnreadable
    secrets: dict[str, str] = said["secrets"]
    return secrets


@functools.lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(secret: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"paytrust waiting proposals")
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))
