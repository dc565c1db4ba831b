"""Turns the bodies of pages into lines of standard output."""
