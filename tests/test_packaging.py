"""The package as users get it: built, installed on its own, and run from there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tap_zendesk_incremental.config import SETTINGS, problems

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tap_zendesk_incremental"
DISTRIBUTIONS = {"backoff": "python-backoff", "singer_sdk": "singer-sdk"}
"""Distributions whose name differs from that of their module."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built with the installed build back end and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_contains_only_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {path.relative_to(ROOT) for path in PACKAGE.rglob("*") if path.is_file()}
    assert held == {path.as_posix() for path in sources if "__pycache__" not in path.parts}
    assert {
        "tap_zendesk_incremental/py.typed",
        "tap_zendesk_incremental/schemas/tickets.json",
    } <= held


def test_the_wheel_runs_in_its_own_environment(wheel: Path, tmp_path: Path) -> None:
    """The dependencies are borrowed from this environment, so no network is needed."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    install = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    subprocess.run((*pip, *install), check=True, capture_output=True)
    where = (python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    site = Path(subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip())
    dependencies = Path(str(metadata.distribution("singer-sdk").locate_file("")))
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    command = (tmp_path / "venv/bin/tap-zendesk-incremental", "--discover", "--config")
    config = tmp_path / "config.json"
    config.write_text('{"subdomain": "example"}')  # without a login, nothing is requested
    run = subprocess.run((*command, config), check=True, capture_output=True, text=True)
    streams = {stream["tap_stream_id"] for stream in json.loads(run.stdout)["streams"]}
    assert {"tickets", "ticket_events", "users", "organizations"} <= streams
    origin = (python, "-c", "import tap_zendesk_incremental as tap; print(tap.__file__)")
    file = subprocess.run(origin, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert Path(file.strip()).is_relative_to(site)


def test_the_source_distribution_has_everything_for_a_build(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path)
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    [built] = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    top = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    top |= {".gitignore", "sample_config.json"}
    assert {name for name in held if not name.startswith(f"{PACKAGE.name}/")} == top
    assert {f"{PACKAGE.name}/py.typed", f"{PACKAGE.name}/schemas/users.json"} <= held


def test_the_image_has_everything_for_a_build(tmp_path: Path) -> None:
    """The files that the Dockerfile copies build a wheel. Docker and a network are not needed."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    steps = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    for _, *sources, target in (step for step in steps if step[0] == "COPY"):
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target)
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    for step in steps:
        for option, value in pairwise(step):
            assert not option.endswith("constraint") or (tmp_path / value).is_file(), step
    command = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index")
    build = (*command, "--no-build-isolation", "--wheel-dir", tmp_path, tmp_path)
    subprocess.run(build, check=True, capture_output=True)
    [built] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        [points] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        commands = re.findall(r"^([\w-]+) = ", archive.read(points).decode(), flags=re.MULTILINE)
    assert steps[-1] == ["ENTRYPOINT", f'["{commands[0]}"]']


def test_dependencies_are_exactly_what_is_imported() -> None:
    # Indented imports are for type checking, which needs nothing installed, or for extras.
    imports = re.compile(r"^(?:from|import) (\w+)", re.MULTILINE)
    imported = {
        name for path in PACKAGE.rglob("*.py") for name in imports.findall(path.read_text("utf-8"))
    }
    imported -= sys.stdlib_module_names | {"tap_zendesk_incremental"}
    needed = {DISTRIBUTIONS.get(name, name) for name in imported}
    requirements = map(Requirement, metadata.requires("tap-zendesk-incremental") or [])
    assert {one.name for one in requirements if "extra" not in str(one.marker)} == needed


def test_backoff_is_not_installed_twice() -> None:
    """Two distributions contain a module of that name and would overwrite each other's files."""
    assert metadata.version("python-backoff")
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("backoff")


@pytest.mark.parametrize("path", [*ROOT.glob("constraints*.txt")], ids=lambda path: path.stem)
def test_constraints_are_names_and_versions_only(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        requirement = Requirement(line)
        assert requirement.url is None
        assert [pin.operator for pin in requirement.specifier] == ["=="], line


def test_sample_config_is_valid() -> None:
    config = json.loads((ROOT / "sample_config.json").read_text(encoding="utf-8"))
    schema = SETTINGS.to_dict()
    assert config.keys() <= schema["properties"].keys()
    assert problems(config, schema) == []
