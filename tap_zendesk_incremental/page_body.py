"""The body of a page, taken apart: its records, and what it says of its place in the export."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Raw

from tap_zendesk_incremental.errors import UnreadablePageError
from tap_zendesk_incremental.pagination import Mark, Page, Params

if TYPE_CHECKING:
    from collections.abc import Sequence


class Meta(msgspec.Struct):
    """How lists that are no exports say whether there is more."""

    has_more: bool = False
    after_cursor: str | None = None


def page_type(
    records_key: str,
    record_type: Any,  # noqa: ANN401 (types made here)
    beside: Sequence[str] = (),
) -> Any:  # noqa: ANN401 (the same)
    """Make the struct of a page.

    Args:
        records_key: The key that holds the records.
        record_type: What to make of each of them.
        beside: The keys of arrays beside the records that are wanted too.
    """
    return msgspec.defstruct(
        "Body",
        [
            ("records", list[record_type]),
            ("end_of_stream", bool | None, None),
            ("after_cursor", str | None, None),
            ("end_time", int | None, None),
            ("next_page", str | None, None),
            ("meta", Meta | None, None),
            *((name, list[Raw] | None, None) for name in beside),
        ],
        rename={"records": records_key},
    )


def _cursor_in(address: str) -> str | None:
    try:
        query = urlsplit(address).query
    except ValueError as error:
        msg = f"its next_page is no address: {error}"
        raise UnreadablePageError(msg) from error
    return next(iter(parse_qs(query).get("cursor", ())), None)


def to_page(
    body: Any,  # noqa: ANN401 (a struct made by page_type)
    asked: Params,
    marks: list[Mark],
    beside: Sequence[str] = (),
) -> Page[Any]:
    """Give a decoded body the form that paginators take.

    Raises:
        UnreadablePageError: If the address of the next page is none.
    """
    end_of_stream, after_cursor = body.end_of_stream, body.after_cursor
    if body.meta is not None:
        end_of_stream, after_cursor = not body.meta.has_more, body.meta.after_cursor
    elif after_cursor is None and body.next_page:
        # Only the token is taken from an address that a response holds.
        after_cursor = _cursor_in(body.next_page)
        if after_cursor is None and body.end_time is None and end_of_stream is None:
            end_of_stream = False  # there is more, and no way to it that paginators know
    return Page(
        asked=asked,
        records=body.records,
        marks=marks,
        end_of_stream=end_of_stream,
        after_cursor=after_cursor,
        end_time=body.end_time,
        read_at=datetime.now(timezone.utc),
        beside={name: getattr(body, name) or [] for name in beside},
    )
