"""The world outside: pure translators and the one transport."""
