"""Secrets are hidden in all logs: in messages, arguments, tracebacks and base64."""

from __future__ import annotations

import base64
import io
import json
import logging
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tap_zendesk_incremental.auth.redaction import MASK, RedactingFilter, hide, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "only-a-test-knows-this-b7d1"
_numbers = count()


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger with the filter, and its output."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.addFilter(RedactingFilter())
    logger = logging.getLogger(f"{__name__}.{next(_numbers)}")
    logger.propagate = False
    logger.addHandler(handler)
    hide(SECRET)
    yield logger, text
    logger.removeHandler(handler)


def test_short_and_missing_values_are_not_secrets() -> None:
    hide(None, "", "ab1")
    assert redact("None ab1") == "None ab1"


def test_the_longest_secret_is_replaced_first() -> None:
    hide(SECRET, f"{SECRET}-and-more")
    assert redact(f"<{SECRET}-and-more>") == f"<{MASK}>"


def test_base64() -> None:
    hide(f"me@example.com:{SECRET}")
    packed = base64.b64encode(f"me@example.com:{SECRET}".encode()).decode()
    assert redact(f"Authorization: Basic {packed}") == f"Authorization: Basic {MASK}"


def test_quoted_forms() -> None:
    secret = 'a "quoted" täst\\of/signs'
    hide(secret)
    for form in (repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert redact(form)[1:-1] == MASK
    assert redact(f"https://host/?q={quote(secret, safe='')}") == f"https://host/?q={MASK}"


def test_arguments_that_do_not_fit(log: tuple[logging.Logger, io.StringIO]) -> None:
    """The logging module prints such arguments after an error. Redaction drops them."""
    logger, text = log
    logger.warning("%d items", SECRET)
    logger.warning("%s and %s", SECRET)  # noqa: PLE1206 (as a library might)
    assert text.getvalue().splitlines() == [
        "%d items (with arguments that do not fit)",
        "%s and %s (with arguments that do not fit)",
    ]


def test_messages_and_arguments(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, text = log
    logger.warning("said %s", SECRET)
    logger.warning("%s", {"headers": {"token": SECRET}})
    logger.warning("100 %% of %d", 5)
    assert text.getvalue().splitlines() == [
        f"said {MASK}",
        f"{{'headers': {{'token': '{MASK}'}}}}",
        "100 % of 5",
    ]


def test_tracebacks(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, text = log
    try:
        int(SECRET)
    except ValueError:
        logger.exception("failed")
    assert SECRET not in text.getvalue()
    assert f"with base 10: '{MASK}'" in text.getvalue()
