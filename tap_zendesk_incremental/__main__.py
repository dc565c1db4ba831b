"""Lets the tap run as `python -m tap_zendesk_incremental`."""

from __future__ import annotations

from tap_zendesk_incremental.cli import main

if __name__ == "__main__":
    main()
