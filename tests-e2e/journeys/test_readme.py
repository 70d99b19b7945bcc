"""The README's walk with curl, run as it stands there."""

import json
import os
import re
import subprocess
from typing import Any

from infra.local.bootstrap import ROOT


def walk() -> list[tuple[str, str]]:
    """The code blocks between the walk's marks: (language, text)."""
    readme = (ROOT / "README.md").read_text()
    part = readme.split("<!-- walk:start -->")[1].split("<!-- walk:end -->")[0]
    return re.findall(r"^```(sh|json)\n(.*?)^```$", part, flags=re.MULTILINE | re.DOTALL)


def alike(shown: Any, got: Any) -> bool:
    """Whether the answer has the members that the README shows; values may differ."""
    if isinstance(shown, dict) and shown:
        return (
            isinstance(got, dict)
            and shown.keys() == got.keys()
            and all(alike(shown[k], got[k]) for k in shown)
        )
    return isinstance(got, type(shown)) or shown is None


def test_every_line_works_and_shows_what_the_readme_shows(base_url: str) -> None:
    blocks = walk()
    script = "".join(
        f"{text}\nprintf '\\n=== {number} ===\\n'\n"
        for number, (language, text) in enumerate(blocks)
        if language == "sh"
    )
    environment = os.environ | {"BASE": base_url}
    done = subprocess.run(
        ["bash", "-euc", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = dict(enumerate(re.split(r"\n=== \d+ ===\n", done.stdout)))
    shell = [number for number, (language, _) in enumerate(blocks) if language == "sh"]
    compared = 0
    for number, (language, text) in enumerate(blocks):
        if language == "json":
            got = json.loads(outputs[shell.index(number - 1)])
            assert alike(json.loads(text), got), (text, got)
            compared += 1
    assert compared >= 4
    assert '"total":"10.00"' in done.stdout


def test_every_target_that_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    makefiles = "".join((ROOT / name).read_text() for name in ("Makefile", "infra/docker.mk"))
    for target in set(re.findall(r"`make ([a-z0-9-]+)", readme)) | set(
        re.findall(r"^make ([a-z0-9-]+)", readme, re.MULTILINE)
    ):
        assert re.search(rf"^{target}:", makefiles, re.MULTILINE), target


def test_every_file_that_the_readme_links_to_exists() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link
