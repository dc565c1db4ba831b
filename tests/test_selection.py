"""Selection, stream maps and flattening, on the way from Zendesk's page to the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from singer_sdk.exceptions import SingerSDKError

from .running import config_for, select, sync
from .test_export import by_id, data_of

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator


def test_deselected_properties_are_left_out(zendesk_shared: Simulator) -> None:
    catalog = select("tickets", off=("subject", "custom_fields"))
    run = sync(config_for(zendesk_shared), catalog=catalog)
    expected = data_of(zendesk_shared, "tickets")
    for ticket in expected.values():
        del ticket["subject"], ticket["custom_fields"]
    assert by_id(run.records["tickets"]) == expected
    assert "subject" not in run.schemas["tickets"]["schema"]["properties"]


def test_deselected_nested_properties_are_left_out(zendesk_shared: Simulator) -> None:
    run = sync(config_for(zendesk_shared), catalog=select("users", off=("photo.thumbnails",)))
    expected = data_of(zendesk_shared, "users")
    assert any(user["photo"] for user in expected.values())
    for user in expected.values():
        if user["photo"]:
            del user["photo"]["thumbnails"]
    assert by_id(run.records["users"]) == expected


def test_flattening(zendesk_shared: Simulator) -> None:
    config = config_for(zendesk_shared, flattening_enabled=True, flattening_max_depth=1)
    run = sync(config, catalog=select("users"))
    expected = data_of(zendesk_shared, "users")
    for user in run.records["users"]:
        photo = expected[user["id"]]["photo"] or {}
        assert user.get("photo__file_name") == photo.get("file_name")
        assert not isinstance(user.get("photo"), dict)
        assert user["name"] == expected[user["id"]]["name"]
    assert "photo__file_name" in run.schemas["users"]["schema"]["properties"]


def test_stream_maps(zendesk_shared: Simulator) -> None:
    maps = {"users": {"email": None, "mail_hash": "md5(email) if email else None"}}
    config = config_for(zendesk_shared, stream_maps=maps)
    run = sync(config, catalog=select("users", "organizations"))
    assert len(run.records["users"]) == 30
    assert all("email" not in user and "mail_hash" in user for user in run.records["users"])
    assert by_id(run.records["organizations"]) == data_of(zendesk_shared, "organizations")


def test_a_renamed_stream(zendesk_shared: Simulator) -> None:
    config = config_for(zendesk_shared, stream_maps={"users": {"__alias__": "people"}})
    run = sync(config, catalog=select("users"))
    assert len(run.records["people"]) == 30
    assert run.state is not None
    assert "users" in run.state["bookmarks"]


@pytest.mark.parametrize(
    "expression", ["id / (id - id)", "nope(1)", "md5(no_such_property)", "int(subject)"]
)
@pytest.mark.parametrize("path", ["mapped", "by the SDK", "batch"])
def test_a_stream_map_that_fails_says_where(
    zendesk_shared: Simulator, tmp_path: Path, path: str, expression: str
) -> None:
    batches = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{tmp_path}"},
    }
    config = config_for(
        zendesk_shared,
        stream_maps={"tickets": {"x": expression}},
        batch_config=batches if path == "batch" else None,
    )
    catalog = select("tickets", off=["via.source"] if path == "by the SDK" else [])
    with pytest.raises(SingerSDKError, match=r"^The stream map of tickets failed on a record: \w"):
        sync(config, catalog=catalog)


def test_what_a_stream_map_removes_is_not_exported(zendesk: Simulator) -> None:
    config = config_for(zendesk, stream_maps={"tickets": None, "ticket_metrics": None})
    run = sync(config, catalog=select("tickets", "ticket_metrics", "users"))
    assert set(run.records) == {"users"}
    assert not run.states[-1]["bookmarks"]["tickets"]
    assert not [request for request in zendesk.requests if "tickets" in request.path]
