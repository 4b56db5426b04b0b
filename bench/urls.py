"""PayTrust's paths, the lean references', and PayTrust's without their guards."""

from django.urls import path

from bench import bare, lean
from paytrust import urls

urlpatterns = [
    path("lean/drf", lean.InvoiceCollection.as_view()),
    path("lean/drf/<int:pk>", lean.InvoiceItem.as_view()),
    path("lean/sql", lean.insert_by_sql),
    path("lean/sql/<int:pk>", lean.select_by_sql),
    path("bare/invoices", bare.UnwalledCollection.as_view()),
    path("bare/item/<int:invoice_id>", bare.BareItem.as_view()),
    path("bare/unlimited/<int:invoice_id>", bare.UnlimitedItem.as_view()),
    path("bare/unwalled/<int:invoice_id>", bare.UnwalledItem.as_view()),
    *urls.urlpatterns,
]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500
