"""Payments: what is owed, what was tried, and what became of it."""
