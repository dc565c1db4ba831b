"""Logging in: the only modules that see a secret."""
