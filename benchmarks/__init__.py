"""Compares the tap with a bare loop: `python -m benchmarks`."""
