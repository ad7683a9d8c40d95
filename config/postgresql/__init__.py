"""Django's PostgreSQL, for which no caller waits longer than we say."""
