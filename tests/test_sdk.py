"""The seam to the Singer SDK: which of its private members the tap relies on."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from singer_sdk import Tap

from tap_zendesk_incremental import sdk
from tap_zendesk_incremental.tap import TapZendeskIncremental

from .given_pages import CONFIG

PACKAGE = Path(sdk.__file__).parent
PRIVATE = {"_config", "_dict_config", "_env_var_prefix", "_handle_termination", "_validate_config"}
"""What `sdk.py` uses."""

OF_THE_TAP = PRIVATE - {"_dict_config"}


def private_names(path: Path) -> set[str]:
    """Gives the private attributes that a module reads, and the private methods it defines."""
    code = ast.parse(path.read_bytes())
    nodes = list(ast.walk(code))
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    imported = {alias.name for n in nodes if isinstance(n, ast.ImportFrom) for alias in n.names}
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own = {name for name in defined if not hasattr(Tap, name)}
    names = (read | defined | imported) - own
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def test_sdk_uses_the_private_members_that_are_named_here() -> None:
    assert private_names(PACKAGE / "sdk.py") == PRIVATE


@pytest.mark.parametrize("name", sorted(OF_THE_TAP))
def test_the_installed_sdk_has_them(name: str) -> None:
    assert hasattr(Tap, name) or hasattr(TapZendeskIncremental(config=dict(CONFIG)), name)


@pytest.mark.parametrize(
    "module", ["tap", "command", "cli", "input_files", "stream_maps", "config"]
)
def test_nothing_above_it_uses_one(module: str) -> None:
    found = private_names(PACKAGE / f"{module}.py")
    of_the_sdk = {name for name in found if hasattr(Tap, name)}
    assert of_the_sdk == set()
