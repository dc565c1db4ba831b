"""Keeps secrets out of everything that is logged, whoever logs it."""

from __future__ import annotations

import base64
import logging

MASK = "(hidden)"

_MIN_LENGTH = 4
"""Shorter texts are no secrets, and hiding them would only garble the log."""

_secrets: set[str] = set()


def hide(*secrets: object) -> None:
    """Have these values hidden in all text from now on, also in their base64 form."""
    for secret in secrets:
        text = str(secret or "").strip()
        if len(text) >= _MIN_LENGTH:
            encoded = base64.b64encode(text.encode(errors="surrogatepass")).decode()
            _secrets.update((text, repr(text)[1:-1], encoded))


def redact(text: str) -> str:
    """Replace every secret in a text; the longest first, as one may hold another."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


class RedactingFilter(logging.Filter):
    """For log handlers: what a library or a server says may hold a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without its secrets."""
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, ()
        if record.exc_info:
            formatted = logging.Formatter().formatException(record.exc_info)
            if (hidden := redact(formatted)) != formatted:
                # Formatters use exc_text where it is set, and never the exception itself then.
                record.exc_text, record.exc_info = hidden, None
        return True
