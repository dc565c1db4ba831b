"""The tests of the tap, and the simulator they run against."""
