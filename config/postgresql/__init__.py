"""Django's backend for PostgreSQL, with less to do for every request."""
