"""English, as operators need it."""
