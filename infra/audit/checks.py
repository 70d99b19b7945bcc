"""What `make audit` asks of Dockerfiles, dependencies and all files; each yields a line a finding."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local.bootstrap import ROOT

TOOLS = ROOT / "infra/audit/.venv/bin"
BASELINE = ROOT / "infra/audit/secrets.baseline"
# Passwords of people who do not exist; other kinds of secrets are looked for in tests too.
TESTS = re.compile(r"(?:^|/)(?:tests|tests-e2e)/")
KEYWORD = "Secret Keyword"
# Made from files that are looked at, or of digests only; they are nine tenths of the work.
MADE = re.compile(r"\.lock$|/openapi[^/]*\.json$|^infra/audit/secrets\.baseline$")


class NotAsked(Exception):
    """A question that nobody answered: what it was about is neither good nor bad, but unknown."""


def tracked(pattern: str = "*", root: Path = ROOT) -> list[Path]:
    """The files of the repository that match, as git knows them, those not yet added too."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", pattern]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    return [root / name for name in done.stdout.decode().split("\0") if name and (root / name).is_file()]


def _ask(tool: str, *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(TOOLS / tool), *arguments], cwd=root, capture_output=True, text=True, check=False
    )


def _read(done: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 - JSON can be anything
    """The JSON that a tool wrote. Raises NotAsked with the end of what it said when there is none."""
    try:
        return json.loads(done.stdout)
    except ValueError:
        said = (done.stdout + done.stderr).strip().splitlines() or ["nothing"]
        raise NotAsked(f"{Path(done.args[0]).name} said: {said[-1][:300]}") from None


def dockerfiles(files: Sequence[Path]) -> Iterator[str]:
    """What hadolint finds in Dockerfiles."""
    for found in _read(_ask("hadolint", "--format", "json", *map(str, files))):
        yield f"{found['file']}:{found['line']} {found['code']} {found['message']}"


def advisories(lock: Path) -> Iterator[str]:
    """Known weaknesses of what a lock file names.

    Raises:
        NotAsked: the advisory service did not answer, or does not know some of the packages.

    """
    options = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--timeout=5", "--format=json")
    report = _read(_ask("pip-audit", *options, "--requirement", str(lock)))
    yield from weaknesses(report["dependencies"])


def weaknesses(dependencies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Those that pip-audit tells of. Raises NotAsked for what the advisory service has no word on."""
    for dependency in dependencies:
        for found in dependency.get("vulns", ()):
            mended = ", ".join(found["fix_versions"]) or "no release"
            yield f"{dependency['name']} {dependency['version']}: {found['id']}, mended in {mended}"
    # pip-audit itself passes then, as for every package behind a mirror that has no advisories.
    if unknown := [dependency["name"] for dependency in dependencies if "skip_reason" in dependency]:
        some = ", ".join(unknown[:3]) + (", …" if unknown[3:] else "")
        raise NotAsked(f"the advisory service has no word on {len(unknown)} packages ({some})")


def secrets(files: Sequence[Path], root: Path = ROOT, baseline: Path = BASELINE) -> Iterator[str]:
    """What looks like a secret and is not one of those that somebody has judged (the baseline)."""
    judged = {(found["file"], found["digest"]) for found in json.loads(baseline.read_text())}
    for found in suspects(files, root):
        if (found["file"], found["digest"]) not in judged:
            yield f"{found['file']}:{found['line']} {found['kind']}"


def suspects(files: Sequence[Path], root: Path = ROOT) -> Iterator[dict[str, Any]]:
    """All that looks like a secret: file, line, kind and digest. Nothing is sent anywhere."""
    names = [name for file in files if not MADE.search(name := str(file.relative_to(root)))]
    results = _read(_ask("detect-secrets", "scan", "--no-verify", *names, root=root))["results"]
    for name, found in results.items():
        for each in found:
            if not (each["type"] == KEYWORD and TESTS.search(name)):
                kind, digest = each["type"], each["hashed_secret"]
                yield {"file": name, "line": each["line_number"], "kind": kind, "digest": digest}


def bill_of_materials(lock: Path, out: Path) -> Iterator[str]:
    """Write what a lock file names as CycloneDX; a finding for each package that the bill lacks."""
    out.parent.mkdir(parents=True, exist_ok=True)
    options = ("--output-reproducible", "--output-format=JSON", f"--output-file={out}")
    done = _ask("cyclonedx-py", "requirements", *options, str(lock))
    if done.returncode:
        raise NotAsked(f"cyclonedx-py said: {done.stderr.strip().splitlines()[-1][:300]}")
    listed = {(each["name"], each["version"]) for each in json.loads(out.read_text())["components"]}
    locked = re.findall(r"^([\w.\[\]-]+)==(\S+)", lock.read_text(), re.MULTILINE)
    for name, version in locked:
        if (name.partition("[")[0], version) not in listed:
            yield f"{out.name} lacks {name} {version}"
