"""The credentials that the simulated account accepts, unless a test changes them.

They are of no use anywhere else.
"""

from __future__ import annotations

EMAIL = "admin@example.com"
API_TOKEN = "simulated-api-token-3f9c1b7a"
PASSWORD = "simulated-password-8d2e"
CLIENT_ID = "simulated_confidential_client"
CLIENT_SECRET = "simulated-client-secret-51aa0c"
PUBLIC_CLIENT_ID = "simulated_public_client"
ACCESS_TOKEN = "simulated-access-token-c0ffee"
CHAT_ACCESS_TOKEN = "simulated-chat-token-7e1d0b"
REFRESH_TOKEN = "simulated-refresh-token-b1a5"
PUBLIC_REFRESH_TOKEN = "simulated-public-refresh-77e0"
