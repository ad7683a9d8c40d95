"""The payment companies, played by one small process with its own database.

For development and tests only. Nothing of the rest of the project is imported here: a bug
shared with the code under test would hide itself.
"""
