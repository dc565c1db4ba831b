"""Keeps secrets out of everything that is logged, including what libraries log."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

MASK = "(hidden)"

_MIN_LENGTH = 4
"""Shorter values are not secrets, and hiding them would only garble the log."""

_secrets: set[str] = set()


def hide(*secrets: object) -> None:
    """Hide these values in all text from now on.

    Also hides them encoded in base64 or for a URL, and as Python or JSON quotes them.
    """
    for secret in secrets:
        text = str(secret or "").strip()
        if len(text) >= _MIN_LENGTH:
            data = text.encode(errors="surrogatepass")
            in_json = (json.dumps(text, ensure_ascii=is_ascii) for is_ascii in (True, False))
            _secrets.update(form[1:-1] for form in (repr(text), *in_json))
            _secrets.update((text, quote(data, safe=""), base64.b64encode(data).decode()))


def redact(text: str) -> str:
    """Replace every secret in a text. The longest comes first, as one may contain another."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


class RedactingFilter(logging.Filter):
    """Removes secrets from log records; text from a library or a server may contain some."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Remove the secrets from a record, and let it pass."""
        message: str | None
        try:
            message = record.getMessage()
            clean = redact(message)
        except Exception:  # noqa: BLE001 (a library's arguments may raise anything)
            # `logging` itself would print the mismatched arguments, secrets included.
            message, clean = None, redact(f"{record.msg} (with arguments that do not fit)")
        if clean != message:
            record.msg, record.args = clean, ()
        if record.exc_info:
            formatted = logging.Formatter().formatException(record.exc_info)
            if (hidden := redact(formatted)) != formatted:
                # Formatters use exc_text instead of the exception if it is set.
                record.exc_text, record.exc_info = hidden, None
        return True
