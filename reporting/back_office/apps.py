"""Makes our site the default site of `admin.register`."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    default_site = "reporting.back_office.site.BackOfficeSite"
