"""Measures the tap beside a bare loop; `python -m benchmarks` runs it all."""
