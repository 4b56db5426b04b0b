"""The OpenAPI documents: one for merchants, one for operators (docs/adr/0038)."""
