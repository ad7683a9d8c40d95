"""Watches; never takes part."""
