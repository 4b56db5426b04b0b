"""Makes our site the default site of `admin.register`."""

from django.contrib.admin.apps import AdminConfig

from reporting.back_office import vocabulary


class BackOfficeConfig(AdminConfig):
    default_site = "reporting.back_office.site.BackOfficeSite"

    def ready(self) -> None:
        vocabulary.make_lazy()
        super().ready()
