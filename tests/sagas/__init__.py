"""Promises of several effects: kept, or undone backwards."""
