"""The append-only history; knows nothing of payments."""
