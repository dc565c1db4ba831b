"""Requests to Zendesk: one client, and what it hides of HTTP."""
