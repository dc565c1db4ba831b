"""A client of the simulator, for its own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from . import credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import Simulator

Json = dict[str, Any]
BASIC = (f"{credentials.EMAIL}/token", credentials.API_TOKEN)
TICKETS = "incremental/tickets/cursor.json"


def get(zendesk: Simulator, path: str, **params: object) -> requests.Response:
    """Request one page with valid credentials."""
    url = f"{zendesk.url}/api/v2/{path}"
    login: Json = {"auth": BASIC}
    if path.startswith("chat/"):
        login = {"headers": {"Authorization": f"Bearer {credentials.CHAT_ACCESS_TOKEN}"}}
    return requests.get(url, params=params, timeout=60, allow_redirects=False, **login)  # type: ignore[arg-type]  # requests writes any value


def pages(zendesk: Simulator, path: str, **params: object) -> Iterator[Json]:
    """Yield all pages of an export."""
    params = {"start_time": 0} | params
    while True:
        page = get(zendesk, path, **params).json()
        yield page
        if page["end_of_stream"]:
            return
        if "after_cursor" in page:
            params.pop("start_time", None)
            params["cursor"] = page["after_cursor"]
        else:
            params["start_time"] = page["end_time"]


def list_pages(zendesk: Simulator, path: str, size: int = 100, **params: object) -> Iterator[Json]:
    """Yield all pages of a list with cursors."""
    params = {"page[size]": size} | params
    while True:
        response = get(zendesk, path, **params)
        assert response.status_code == 200, response.text
        page = response.json()
        yield page
        if not page["meta"]["has_more"]:
            return
        params["page[after]"] = page["meta"]["after_cursor"]
