"""Makes our site the one that `admin.register` means."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    default_site = "reporting.back_office.site.BackOfficeSite"
