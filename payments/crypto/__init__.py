"""Keys, signatures and redaction; knows nothing of payments."""
