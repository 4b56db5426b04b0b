"""What every page for staff stands on: sign-in, roles, language and zone, read-only lists."""
