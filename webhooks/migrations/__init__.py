"""Database history of webhooks."""
