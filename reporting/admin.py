"""Registers the pages of the back office."""

from django.contrib import admin
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from apikeys.models import Tenant
from invoices.models import Invoice
from reporting.back_office import invoice_page, merchant_page, people, queues, statement_pages
from reporting.models import Discrepancy, KeptStatement, OverdueInstallment

# Django registers its own pages for staff. Second factors get no page, because no person needs to
# see them.
admin.site.unregister([*people.MODELS, TOTPDevice, StaticDevice])
for model, page in people.MODELS.items():
    admin.site.register(model, page)
admin.site.register(Tenant, merchant_page.MerchantAdmin)
admin.site.register(Invoice, invoice_page.InvoiceAdmin)
admin.site.register(Discrepancy, queues.DiscrepancyAdmin)
admin.site.register(OverdueInstallment, queues.OverdueInstallmentAdmin)
admin.site.register(KeptStatement, statement_pages.KeptStatementAdmin)
