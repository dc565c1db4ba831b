"""TLS errors are retried. Only a certificate that cannot be verified is final."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .processes import FastTap, check_complete
from .tls import certificate, tls_in_front_of

if TYPE_CHECKING:
    from pathlib import Path

    from .simulator import Simulator


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(autouse=True)
def _trusted(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[0]))


@pytest.mark.parametrize("mishap", ["eof", "alert", "plain", "bad record"])
def test_a_tls_error_is_retried(
    zendesk: Simulator, tmp_path: Path, files: tuple[Path, Path], mishap: str
) -> None:
    with tls_in_front_of(zendesk, files, [mishap, mishap]) as url:
        run = FastTap(zendesk, tmp_path).run(api_url=url, per_page=25)
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, once=True)
    assert len(run.log("WARNING")) == 2


def test_a_record_that_trickles_in_is_abandoned_at_its_deadline(
    zendesk: Simulator, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    with tls_in_front_of(zendesk, files, ["drip"]) as url:
        run = FastTap(zendesk, tmp_path).run(api_url=url, per_page=25, request_timeout=1)
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, once=True)
    lines = run.log("WARNING")  # perhaps also about an answer that a busy machine delayed
    assert lines
    assert all("no answer in time" in line for line in lines)


def test_many_tls_errors_in_the_middle_of_an_export_are_retried(
    zendesk: Simulator, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    with tls_in_front_of(zendesk, files, ["", *(["alert", "eof", "plain"] * 6)]) as url:
        run = FastTap(zendesk, tmp_path).run(api_url=url, per_page=25)
    assert run.exit_code == 0, run.stderr
    check_complete([run], zendesk, once=True)
    assert len(run.log("WARNING")) == 18


def test_a_certificate_of_another_host_is_final(
    zendesk: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate(tmp_path, "elsewhere.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[0]))
    with tls_in_front_of(zendesk, files) as url:
        run = FastTap(zendesk, tmp_path).run(api_url=url)
    assert run.exit_code == 1
    (line,) = run.log("ERROR")
    assert "certificate" in line
    assert "elsewhere" in line or "mismatch" in line.lower()
    assert not run.log("WARNING")
    assert not zendesk.requests
