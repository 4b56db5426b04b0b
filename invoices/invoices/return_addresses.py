"""Where customers return to: a web page, or the merchant's app."""

import re
from typing import Any

from django.core.validators import URLValidator
from rest_framework import serializers

from paytrust.web.serializers import StrictCharField

MAX_LENGTH = 255  # what both gateways take
APP_LINK = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://[!-~]*", re.ASCII | re.IGNORECASE)
UNSAFE_IN_A_LINK = re.compile(r"""["'<>\\^`{|}]""")
RUN_OR_READ = {"about", "blob", "content", "data", "file", "filesystem", "jar", "javascript"}
OTHERS = {"ftp", "ftps", "intent", "mailto", "vbscript", "view-source", "ws", "wss"}
NO_APPS = RUN_OR_READ | OTHERS
"""Schemes that run a script, read what is on the device, or open no app of a merchant."""

is_web_url = URLValidator(schemes=["http", "https"])


class ReturnAddressField(StrictCharField):
    """An http or https address, or one that opens an app, such as `myshop://order/1`.

    Never one that a browser would run or read from the device: `javascript:`, `data:`, `file:`.
    """

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # DRF's own
        help_text = "a web page, or an app's own scheme such as myshop://order/1"
        super().__init__(max_length=MAX_LENGTH, help_text=help_text, **kwargs)

    def to_internal_value(self, data: Any) -> str:  # noqa: ANN401  # any JSON value
        address = super().to_internal_value(data)
        link = APP_LINK.fullmatch(address)
        scheme = link["scheme"].lower() if link else "http"
        if scheme in {"http", "https"}:
            is_web_url(address)
        elif scheme in NO_APPS or UNSAFE_IN_A_LINK.search(address):
            raise serializers.ValidationError("Must lead to a web page or into an app.")
        return address
