"""The documents, held against the code that they speak of."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_zendesk_incremental import state as bookmarks
from tap_zendesk_incremental.config import SETTINGS
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS
from tests.tables import README, with_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tap_zendesk_incremental"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_bytes())
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TROUBLESHOOTING = ROOT / "docs/troubleshooting.md"
ARCHITECTURE = ROOT / "docs/architecture.md"
GAP = "…"
"""Stands in a document for what differs from case to case."""

NOT_SHOWN = {"… declares no endpoint", "Config validation failed"}
"""An error that only a change of the code can bring about, and one that others stand for."""


def blocks(document: Path, language: str) -> list[str]:
    """Gives the fenced code blocks of a language."""
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def template(node: ast.AST) -> str:
    """Gives a text in the code with a gap for each value, nothing for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.sub(r"%[-.\d]*[sdrf]", GAP, node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else GAP for p in node.values)
        text = "".join(map(str, parts))
    else:
        return ""
    return re.sub(rf"{GAP}+", GAP, text).strip()


def templates(node: ast.AST) -> Iterator[str]:
    """Gives every text in a piece of code, whole."""
    if text := template(node):
        yield text
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from templates(child)


def said(code: ast.AST) -> Iterator[str]:
    """Gives what a module says in errors and warnings."""
    for node in ast.walk(code):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {
            "msg",
            "what",
            "problem",
        }:
            yield template(node.value)
        elif isinstance(node, ast.Call):
            if re.search(r"logger\.(warning|error|critical)$", ast.unparse(node.func)):
                yield template(node.args[0])
        elif isinstance(node, ast.FunctionDef) and "problem" in node.name:
            yield from (text for line in node.body[1:] for text in templates(line))


def quoted() -> list[str]:
    """Gives the lines that the page on errors explains."""
    return [line for block in blocks(TROUBLESHOOTING, "text") for line in block.splitlines()]


def test_tables_are_those_of_the_code() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_tables(text), "write them anew: python -m tests.tables"
    assert text.count("<!-- table: ") == 3


def test_troubleshooting_quotes_what_the_tap_says() -> None:
    lines = quoted()
    assert lines
    assert set(lines) - {text for code in MODULES.values() for text in templates(code)} == set()
    assert len(lines) == len(set(lines))


def test_troubleshooting_leaves_no_error_out() -> None:
    found = {text for code in MODULES.values() for text in said(code)}
    sentences = {text for text in found if re.search(r"\w{2} \w", text)}
    assert len(sentences) > 30
    assert sentences - set(quoted()) - NOT_SHOWN == set()


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            path = (document.parent / name) if name else document
            assert path.exists(), f"{document.name}: {target}"
            if anchor:
                assert anchor in anchors(path), f"{document.name}: {target}"


def anchors(document: Path) -> set[str]:
    """Gives the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = [line for block in blocks(document, "sh") for line in block.splitlines()]
    named += re.findall(r"`([^`\n]+)`", text)
    for command in named:
        words = command.partition("#")[0].split()
        if words[:1] == ["make"]:
            assert set(words[1:]) <= targets, command
        for module in re.findall(r"python -m ((?:tests|benchmarks)[.\w]*)", command):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), command


def test_settings_in_the_readme_are_settings() -> None:
    text = README.read_text(encoding="utf-8")
    names = set(re.findall(r"TAP_ZENDESK_INCREMENTAL_([A-Z_]+)", text))
    assert names
    assert names <= {name.upper() for name in SETTINGS.wrapped}


def test_selection_in_the_readme_is_that_of_the_tap() -> None:
    """Meltano selects everything; the example leaves out what the tap does by itself."""
    [selection] = [yaml.safe_load(block)["select"] for block in blocks(README, "yaml")]
    streams = {stream.name for stream in STREAMS if not stream.selected_by_default}
    streams |= {stream.name for stream in CHILD_STREAMS}
    properties = {f"!{stream.name}.{name}" for stream in STREAMS for name in stream.sideloads}
    assert selection[0] == "*.*"
    assert set(selection[1:]) == {f"!{name}.*" for name in streams} | properties


def test_state_in_the_readme_is_one() -> None:
    [state] = [json.loads(block) for block in blocks(README, "json")]
    streams = {stream.name: stream for stream in STREAMS}
    for name, bookmark in state["bookmarks"].items():
        assert bookmarks.problem_of(bookmark) is None
        assert bookmark[bookmarks.KEY] == streams[name].replication_key


def test_contributing_shows_a_real_stream() -> None:
    [code] = blocks(ROOT / "CONTRIBUTING.md", "python")
    assert code in (PACKAGE / "streams" / "support.py").read_text(encoding="utf-8")


def test_imports_point_down_the_table_of_modules() -> None:
    text = ARCHITECTURE.read_text("utf-8")
    rows = re.findall(r"^\| (`[\w.]+`(?: `[\w.]+`)*) \|", text, re.MULTILINE)
    row_of = {name: row for row, names in enumerate(rows) for name in re.findall(r"[\w.]+", names)}
    assert row_of.keys() == MODULES.keys()
    for name, row in row_of.items():
        below = {other for other in imported(MODULES[name]) if other in row_of}
        assert all(row <= row_of[other] for other in below), name


def imported(code: ast.AST) -> Iterator[str]:
    """Gives the names of modules of the package that a module imports."""
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(PACKAGE.name):
            module = str(node.module).removeprefix(PACKAGE.name).removeprefix(".")
            yield module
            yield from (f"{module}.{alias.name}".removeprefix(".") for alias in node.names)
