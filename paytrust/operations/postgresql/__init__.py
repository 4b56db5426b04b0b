"""Django's backend for PostgreSQL, with our pool."""
