"""The examples of orchestration, run by the real orchestrators."""
