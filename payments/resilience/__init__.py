"""Breakers, retries and deadlines; knows nothing of payments."""
