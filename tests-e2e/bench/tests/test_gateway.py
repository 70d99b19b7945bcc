import shutil
from pathlib import Path

import pytest

from bench.rows.gateway import STATIC, VARIANTS, edit
from infra.local.bootstrap import ROOT
from infra.local.failure import Failure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "gateway"
    shutil.copytree(ROOT / "gateway", copy, ignore=shutil.ignore_patterns(".*", "tests"))
    return copy


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_still_finds_what_it_is_to_change(folder: Path, name: str) -> None:
    edit(folder, VARIANTS[name])
    for file in VARIANTS[name]:
        assert (folder / file).read_text() != (ROOT / "gateway" / file).read_text()


def test_what_is_not_there_is_no_variant(folder: Path) -> None:
    with pytest.raises(Failure, match=r"traefik\.yml has 0 times what this variant is to change: nowhere"):
        edit(folder, {STATIC: [("nowhere", "")]})
