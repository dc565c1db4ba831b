"""The documents match the code that they describe."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_zendesk_incremental import state as bookmarks
from tap_zendesk_incremental.config import SETTINGS
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS
from tests.pictures import PICTURE, drawn
from tests.tables import WRITTEN, with_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tap_zendesk_incremental"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_bytes())
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TROUBLESHOOTING = ROOT / "docs/troubleshooting.md"
ARCHITECTURE = ROOT / "docs/architecture.md"
GAP = "…"
"""What a document prints in place of a value that differs from case to case."""

NOT_SHOWN = {"… declares no endpoint", "Config validation failed"}
"""Errors that the page does not list: one is for developers, the other prints listed problems."""


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a language."""
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def template(node: ast.AST) -> str:
    """Return a string in the code with a gap for each value, or "" for any other node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.sub(r"%[-.\d]*[sdrf]", GAP, node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else GAP for p in node.values)
        text = "".join(map(str, parts))
    else:
        return ""
    return re.sub(rf"{GAP}+", GAP, text).strip()


def templates(node: ast.AST) -> Iterator[str]:
    """Yield every complete string in a piece of code."""
    if text := template(node):
        yield text
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from templates(child)


def said(code: ast.AST) -> Iterator[str]:
    """Yield the texts of a module's errors and warnings."""
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
    """Return the messages that docs/troubleshooting.md explains."""
    return [line for block in blocks(TROUBLESHOOTING, "text") for line in block.splitlines()]


def test_tables_match_the_code() -> None:
    texts = [path.read_text(encoding="utf-8") for path in WRITTEN]
    for text in texts:
        assert text == with_tables(text), "update them: python -m tests.tables"
    markers = re.findall(r"(?:<!--| #) table: (\w+)", "".join(texts))
    assert sorted({*markers}) == [
        "children",
        "requests",
        "select",
        "settings",
        "sideloads",
        "streams",
    ]
    assert markers.count("select") == 2


def test_the_picture_matches_its_script() -> None:
    shown = re.findall(r"!\[[^]]+\]\((.+)\)", README.read_text(encoding="utf-8"))
    assert PICTURE in [ROOT / path for path in shown]
    assert PICTURE.read_text(encoding="utf-8") == drawn(), "update it: python -m tests.pictures"


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) < 200


def test_troubleshooting_quotes_only_messages_of_the_tap() -> None:
    lines = quoted()
    assert lines
    assert set(lines) - {text for code in MODULES.values() for text in templates(code)} == set()
    assert len(lines) == len(set(lines))


def test_troubleshooting_lists_every_error() -> None:
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
    """Return the anchors that GitHub makes of a document's headings."""
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
            words = [word for word in shlex.split(" ".join(words)) if "=" not in word]
            assert set(words[1:]) <= targets, command
        for module in re.findall(r"python -m ((?:tests|benchmarks)[.\w]*)", command):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), command


def test_make_lists_its_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    command = ("make", "--no-print-directory", "help")
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert [line.split()[0] for line in listed.splitlines()] == names


def test_settings_in_the_readme_exist() -> None:
    text = README.read_text(encoding="utf-8")
    names = set(re.findall(r"TAP_ZENDESK_INCREMENTAL_([A-Z_]+)", text))
    assert names
    assert names <= {name.upper() for name in SETTINGS.wrapped}


def test_the_project_in_the_readme_matches_meltano_yml() -> None:
    """Its plugins and settings exist, and its selection leaves out what costs extra."""
    [project] = [yaml.safe_load(block) for block in blocks(README, "yaml")]
    ours = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    for kind, [plugin] in project["plugins"].items():
        own = next(one for one in ours["plugins"][kind] if one["name"] == plugin["name"])
        assert plugin["namespace"] == own["namespace"]
        assert plugin["executable"] == own["executable"]
        assert plugin.get("capabilities") == own.get("capabilities")
        settings = {setting["name"] for setting in own["settings"]}
        assert {one["name"] for one in plugin.get("settings", [])} <= settings
        assert plugin["config"].keys() <= settings
    [loader] = project["plugins"]["loaders"]
    assert loader["pip_url"] in {one["pip_url"] for one in ours["plugins"]["loaders"]}
    selection = set(project["plugins"]["extractors"][0]["select"])
    names = {stream.name for stream in STREAMS} | {stream.name for stream in CHILD_STREAMS}
    selected = {pattern.partition(".")[0] for pattern in selection if pattern[0] != "!"}
    assert selected <= names
    assert {pattern for pattern in selection if pattern[0] == "!"} == {
        f"!{stream.name}.{name}" for stream in STREAMS for name in stream.sideloads
    }


def test_the_loader_in_the_page_on_loaders_matches_meltano_yml() -> None:
    [[loader]] = [yaml.safe_load(block) for block in blocks(ROOT / "docs/loaders.md", "yaml")]
    ours = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    own = next(one for one in ours["plugins"]["loaders"] if one["name"] == loader["name"])
    assert loader.pop("config").keys() <= {setting["name"] for setting in own["settings"]}
    assert loader.items() <= own.items()


def test_the_query_in_the_readme_is_the_demo_query() -> None:
    [query] = blocks(README, "sql")
    assert query == (ROOT / "tests/demo.sql").read_text(encoding="utf-8")


def test_streams_and_joins_in_the_readme_exist() -> None:
    text = README.read_text(encoding="utf-8")
    _, _, questions = text.partition("## Which stream answers which question")
    rows, _, diagram = questions.partition("```mermaid")
    names = {stream.name for stream in STREAMS} | {stream.name for stream in CHILD_STREAMS}
    assert set(re.findall(r"`(\w+)`", rows)) <= names
    joins = re.findall(r"^ +(\w+) \S+ (\w+) : \"(.+)\"$", diagram, flags=re.MULTILINE)
    assert joins
    for one, many, keys in joins:
        properties = {
            name: json.loads((PACKAGE / f"schemas/{name}.json").read_bytes())["properties"]
            for name in (one, many)
        }
        for key in keys.split(", "):  # both must have the same type, or the join needs a cast
            assert properties[one]["id"]["type"][0] == properties[many][key]["type"][0]


def test_every_text_id_is_explained() -> None:
    """All other ids are integers, so that columns with the same name join."""
    text = (ROOT / "docs/streams.md").read_text(encoding="utf-8")
    section = text.partition("## Ids and joins\n")[2].partition("\n## ")[0]
    explained = set(re.findall(r"(\w+)`", section))
    for path in (PACKAGE / "schemas").glob("*.json"):
        for name, schema in json.loads(path.read_bytes())["properties"].items():
            if name.endswith("_id"):
                [kind] = {*schema["type"]} - {"null"}
                assert kind == "integer" or (kind, name in explained) == ("string", True), name


def test_states_in_the_documents_are_valid() -> None:
    [state] = [json.loads(block) for block in blocks(ROOT / "docs/state.md", "json")]
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
    """Yield the names that a module imports from the package."""
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(PACKAGE.name):
            module = str(node.module).removeprefix(PACKAGE.name).removeprefix(".")
            yield module
            yield from (f"{module}.{alias.name}".removeprefix(".") for alias in node.names)
