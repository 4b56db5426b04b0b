"""A local simulator of both gateways: their messages, payment pages, webhooks and faults."""
