"""Django's PostgreSQL, with less to do for a request, and for which no caller waits too long."""
