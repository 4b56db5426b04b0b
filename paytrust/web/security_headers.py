"""Headers for browsers, beside Django's own: where a page may load from, and caching."""

from collections.abc import Callable, Mapping

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# No inline script on any page. Pages may show a gateway's QR image.
PAGES = (
    "default-src 'self'; img-src 'self' data: https:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
SWAGGER_UI = f"{PAGES}; style-src 'self' 'unsafe-inline'"  # it sets styles while it runs
# The theme's Alpine makes functions from its attributes, and one bar sets its style as text.
BACK_OFFICE = f"{PAGES}; script-src 'self' 'unsafe-eval'; style-src-attr 'unsafe-inline'"
NOTHING = "default-src 'none'; frame-ancestors 'none'"

ROUTES: Mapping[str, str] = {"docs": SWAGGER_UI, "docs-admin": SWAGGER_UI}


class SecurityHeadersMiddleware:
    """Sets a Content-Security-Policy on every answer, unless the view has set one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        route = request.resolver_match.route if request.resolver_match else ""
        policy = _policy_of_page(route) if is_page else NOTHING
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), payment=()")
        if not is_page:  # JSON, XML, CSV, XLSX have books, or a key
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _policy_of_page(route: str) -> str:
    return BACK_OFFICE if route.startswith("admin/") else ROUTES.get(route, PAGES)
