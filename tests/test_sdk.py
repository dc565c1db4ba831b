"""The private members of the Singer SDK that the tap relies on."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from singer_sdk import Stream, Tap

from tap_zendesk_incremental import sdk
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .given_pages import CONFIG
from .running import select

PACKAGE = Path(sdk.__file__).parent
OF_THE_TAP = {
    "_config",
    "_env_var_prefix",
    "_handle_termination",
    "_reset_state_progress_markers",
    "_validate_config",
}
OF_STREAMS = {
    "_finalize_state",
    "_generate_record_messages",
    "_metadata",
    "_stream_version",
    "_sync_records",
    "_tap",
    "_tap_input_catalog",
    "_write_activate_version_message",
    "_write_record_message",
    "_write_schema_message",
    "_write_state_message",
}
PRIVATE = {"_dict_config", *OF_THE_TAP, *OF_STREAMS}
"""The private members that `sdk.py` uses."""


def private_names(path: Path) -> set[str]:
    """Return the private names that a module reads, imports or overrides, but not its own."""
    code = ast.parse(path.read_bytes())
    nodes = list(ast.walk(code))
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    imported = {alias.name for n in nodes if isinstance(n, ast.ImportFrom) for alias in n.names}
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own = {name for name in defined if not (hasattr(Tap, name) or hasattr(Stream, name))}
    names = (read | defined | imported) - own
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def test_sdk_uses_exactly_these_private_members() -> None:
    assert private_names(PACKAGE / "sdk.py") == PRIVATE


@pytest.mark.parametrize("name", sorted(OF_THE_TAP))
def test_the_installed_sdk_has_the_members_of_taps(name: str) -> None:
    # The catalog keeps the tap from asking an account for its custom fields.
    tap = TapZendeskIncremental(config=dict(CONFIG), catalog=select())
    assert hasattr(Tap, name) or hasattr(tap, name)


@pytest.mark.parametrize("name", sorted(OF_STREAMS))
def test_the_installed_sdk_has_the_members_of_streams(name: str) -> None:
    tap = TapZendeskIncremental(config=dict(CONFIG), catalog=select())
    assert hasattr(Stream, name) or hasattr(tap.streams["users"], name)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_other_module_uses_private_members(path: Path) -> None:
    used = private_names(path) & PRIVATE - {"_config"}  # too common a name to be counted
    assert path.name == "sdk.py" or not used
