"""`make audit` finds what it is there for, and never takes for good what it could not ask."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.audit import checks
from infra.audit.__main__ import FOLDER, FOUND, UNKNOWN, report
from infra.local import bootstrap

LOCK = "idna==3.10 \\\n    --hash=sha256:" + "0" * 64 + "\n"
KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\n"


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    bootstrap.install((FOLDER,), develop=True)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements-dev.lock"
    file.write_text(LOCK)
    return file


def test_the_repositorys_dockerfiles_pass() -> None:
    files = checks.tracked("*Dockerfile")
    assert len(files) >= 2
    assert list(checks.dockerfiles(files)) == []


def test_a_bad_dockerfile_is_found(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM python\nRUN sudo true\n")
    found = list(checks.dockerfiles([file]))
    assert {line.split()[1] for line in found} >= {"DL3004", "DL3006"}
    assert found[0].startswith(f"{file}:1 ")


def test_nothing_looks_like_a_secret_but_what_was_judged() -> None:
    judged = {(each["file"], each["digest"]) for each in json.loads(checks.BASELINE.read_text())}
    there = {(found["file"], found["digest"]) for found in checks.suspects(checks.tracked())}
    assert not there - judged, "look at each; if none is a secret: make audit JUDGED=1"


@pytest.mark.parametrize("name", ["deploy.sh", "tests/fixture.py"])
def test_a_secret_in_a_file_is_found(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"first line\n{KEY}")
    assert list(checks.secrets([file], tmp_path)) == [f"{name}:2 Private Key"]


def test_a_password_is_found_where_people_are_real(tmp_path: Path) -> None:
    files = [tmp_path / "deploy.sh", tmp_path / "tests/fixture.py"]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text('password = "' + "correct-horse" + '"\n')
    assert list(checks.secrets(files, tmp_path)) == ["deploy.sh:1 Secret Keyword"]


def test_files_that_git_does_not_know_yet_are_looked_at(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for name in ("new.py", "ignored.py"):
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    assert {file.name for file in checks.tracked(root=tmp_path)} == {"new.py", ".gitignore"}


def test_the_bill_has_every_locked_package(tmp_path: Path) -> None:
    for lock in checks.tracked("*requirements.lock"):
        out = tmp_path / lock.parent.name / "bill.json"
        assert list(checks.bill_of_materials(lock, out)) == []
        bill = json.loads(out.read_text())
        assert bill["bomFormat"] == "CycloneDX"
        assert len(bill["components"]) == lock.read_text().count("==") - lock.read_text().count("_version ==")
        assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"])


def test_an_advisory_service_that_is_not_reached_is_no_pass(
    lock: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    assert report("advisories", lambda: checks.advisories(lock)) == UNKNOWN
    assert "Not checked, so neither good nor bad" in capsys.readouterr().out


def test_a_weakness_is_told_with_its_remedy() -> None:
    bad = {"id": "PYSEC-2024-1", "fix_versions": ["1.2", "2.0"], "aliases": []}
    told = checks.weaknesses(
        [{"name": "a", "version": "1", "vulns": [bad]}, {"name": "b", "version": "1", "vulns": []}]
    )
    assert list(told) == ["a 1: PYSEC-2024-1, mended in 1.2, 2.0"]


def test_a_package_that_the_service_has_no_word_on_is_no_pass() -> None:
    skipped = [{"name": name, "skip_reason": "not found"} for name in "abcd"]
    with pytest.raises(checks.NotAsked, match=r"no word on 4 packages \(a, b, c, …\)"):
        list(checks.weaknesses([{"name": "e", "version": "1", "vulns": []}, *skipped]))


def test_what_was_found_before_a_question_failed_counts(capsys: pytest.CaptureFixture[str]) -> None:
    def step() -> Iterator[str]:
        yield "a weakness"
        raise checks.NotAsked("no word on others")

    assert report("advisories", step) == FOUND
    assert report("nothing", lambda: iter(())) == 0
    said = capsys.readouterr().out
    assert "a weakness" in said
    assert "no word on others" in said
