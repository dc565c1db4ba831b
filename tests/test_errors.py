"""Error bodies: Zendesk's message is shown in one line, and a proxy's page is not shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zendesk_incremental.errors import MAX_LENGTH, error_message, one_line


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"error": {"title": "Forbidden", "message": "No access"}}, "Forbidden: No access"),
        ({"error": "RecordNotFound", "description": "Not found"}, "RecordNotFound: Not found"),
        (
            {
                "errors": [
                    {"code": "InvalidCursor", "title": "Invalid", "detail": "It is not valid"}
                ]
            },
            "Invalid: It is not valid",
        ),
        ({"error": "Couldn't authenticate you"}, "Couldn't authenticate you"),
        (
            {"error": "invalid_grant", "error_description": "The refresh token is invalid"},
            "invalid_grant: The refresh token is invalid",
        ),
        ({"error": "two\nlines\u2028three"}, "two lines three"),
        ({"errors": ["plain"]}, "plain"),
        ({"errors": "odd"}, ""),
        ({}, ""),
        ([], ""),
        ("text", ""),
    ],
)
def test_error_message(payload: object, says: str) -> None:
    assert error_message(json.dumps(payload).encode()) == says


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b'{"error":'])
def test_a_body_that_is_not_json_has_no_message(body: bytes) -> None:
    assert error_message(body) == ""


@given(st.text(max_size=500))
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert len(line) <= MAX_LENGTH + 1
