"""Answers of calls that make something."""

from collections.abc import Mapping
from http import HTTPStatus

from rest_framework.response import Response


def made(body: Mapping[str, object], *, at: str, is_new: bool = True) -> Response:
    """Answer 201 and where it is shown, or 200 if it was there already.

    `body` has an `id`; `at` is the path of its list, such as `/invoices`.
    """
    if not is_new:
        return Response(body)
    return Response(body, HTTPStatus.CREATED, headers={"Location": f"{at}/{body['id']}"})
