"""What all pages for staff need: sign-in, roles, language and time zone, read-only lists."""
