"""A local simulator of both gateways: wire formats, payment pages, webhooks and faults."""
