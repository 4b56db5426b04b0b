import re

import pytest
from django.test import Client

from apikeys.keys import services as apikeys
from paytrust.web import security_headers
from tests.apikeys.factories import NOON, TenantFactory


def policy(path: str) -> dict[str, set[str]]:
    """Return the sources that each directive allows."""
    directives = Client().get(path).headers["Content-Security-Policy"].split("; ")
    return {name: set(sources) for name, *sources in map(str.split, directives)}


@pytest.mark.django_db
class TestSecurityHeadersMiddleware:
    def test_lets_pages_run_no_inline_script(self) -> None:
        admin, docs = policy("/admin/login/"), policy("/docs")

        assert admin["default-src"] == docs["default-src"] == {"'self'"}
        assert admin["script-src"] == {"'self'", "'unsafe-eval'"}  # the admin's Alpine compiles
        assert "script-src" not in docs

    def test_lets_answers_of_the_api_load_nothing_and_be_kept_nowhere(self) -> None:
        response = Client().get("/invoices")

        assert response.headers["Content-Security-Policy"] == security_headers.NOTHING
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        "path",
        [
            "/reports/financial.csv?start_date=2026-01-01&end_date=2026-02-01",
            "/reports/financial.xlsx?start_date=2026-01-01&end_date=2026-02-01",
            "/reports/statement.csv?month=2026-01",
            "/reports/transactions.csv?start_date=2026-01-01&end_date=2026-02-01",
            "/reports/transactions.xlsx?start_date=2026-01-01&end_date=2026-02-01",
        ],
    )
    def test_lets_exports_be_kept_nowhere(self, path: str) -> None:
        _, key = apikeys.create_key(
            tenant=TenantFactory.create(),
            description="x",
            actor="tests",
            ip_address=None,
            now=NOON,
        )

        response = Client().get(path, headers={"x-api-key": key})
        response.close()

        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("path", ["/admin/login/", "/docs", "/healthz", "/nowhere"])
    def test_goes_with_djangos_own_headers(self, path: str) -> None:
        headers = Client().get(path).headers

        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"


class TestSwaggerUI:
    def test_has_its_script_in_a_file_of_its_own(self) -> None:
        page = Client().get("/docs")

        assert re.findall(r"<script(?![^>]*\bsrc=)", page.text) == []
        (script,) = re.findall(r'src="(/docs\?script=[^"]*)"', page.text)
        answer = Client().get(script)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("application/javascript")
        assert "SwaggerUIBundle" in answer.text
