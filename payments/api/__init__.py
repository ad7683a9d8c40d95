"""The REST API under /payments/v2."""
