"""Keeps secrets out of everything that is logged, whoever logs it."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

MASK = "(hidden)"

_MIN_LENGTH = 4
"""Shorter texts are no secrets, and hiding them would only garble the log."""

_secrets: set[str] = set()


def hide(*secrets: object) -> None:
    """Have these values hidden in all text from now on, as they are and as others write them.

    That is in base64, in an address, and quoted by Python or JSON.
    """
    for secret in secrets:
        text = str(secret or "").strip()
        if len(text) >= _MIN_LENGTH:
            data = text.encode(errors="surrogatepass")
            in_json = (json.dumps(text, ensure_ascii=is_ascii) for is_ascii in (True, False))
            _secrets.update(form[1:-1] for form in (repr(text), *in_json))
            _secrets.update((text, quote(data, safe=""), base64.b64encode(data).decode()))


def redact(text: str) -> str:
    """Replace every secret in a text; the longest first, as one may hold another."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


class RedactingFilter(logging.Filter):
    """For log handlers: what a library or a server says may hold a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without its secrets."""
        message: str | None
        try:
            message = record.getMessage()
            clean = redact(message)
        except Exception:  # noqa: BLE001 (whatever a library's arguments raise)
            # `logging` itself would show the arguments that do not fit, secrets and all.
            message, clean = None, redact(f"{record.msg} (with arguments that do not fit)")
        if clean != message:
            record.msg, record.args = clean, ()
        if record.exc_info:
            formatted = logging.Formatter().formatException(record.exc_info)
            if (hidden := redact(formatted)) != formatted:
                # Formatters use exc_text where it is set, and never the exception itself then.
                record.exc_text, record.exc_info = hidden, None
        return True
