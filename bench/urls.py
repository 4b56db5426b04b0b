"""PayTrust's paths and the lean references'."""

from django.urls import path

from bench import lean
from paytrust import urls

urlpatterns = [
    path("lean/drf", lean.InvoiceCollection.as_view()),
    path("lean/drf/<int:pk>", lean.InvoiceItem.as_view()),
    path("lean/sql", lean.insert_by_sql),
    path("lean/sql/<int:pk>", lean.select_by_sql),
    *urls.urlpatterns,
]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500
