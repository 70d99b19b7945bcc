"""The job that makes secrets: for their owner alone, each once, and none in the place of a lost one."""

import subprocess
from pathlib import Path

from infra.local import bootstrap


def generated(folder: Path) -> subprocess.CompletedProcess[str]:
    """What comes of it."""
    command = ["infra/secrets/generate.sh", str(folder)]
    return subprocess.run(command, cwd=bootstrap.ROOT, capture_output=True, text=True, check=False)


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "secrets"
    assert generated(data).returncode == 0
    before = {file: file.read_text() for file in data.rglob("*") if file.is_file()}
    assert {file.stat().st_mode & 0o777 for file in before} == {0o600}
    assert {folder.stat().st_mode & 0o777 for folder in data.rglob("*") if folder.is_dir()} == {0o700}
    assert generated(data).returncode == 0
    assert {file: file.read_text() for file in data.rglob("*") if file.is_file()} == before


def test_a_lost_key_is_not_replaced_by_one_that_reads_nothing(tmp_path: Path) -> None:
    key = tmp_path / "auth/key_encryption_key"
    assert generated(tmp_path).returncode == 0
    kept = key.read_text()
    key.unlink()
    done = generated(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"secrets: {key} is gone, ")
    assert not key.exists()
    key.write_text(kept)
    (tmp_path / "expenses/cursor_key").unlink()
    assert generated(tmp_path).returncode == 0
    assert key.read_text() == kept
    assert (tmp_path / "expenses/cursor_key").exists()
