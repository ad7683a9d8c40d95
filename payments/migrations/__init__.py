"""Database history of payments."""
