"""`make lock`: writes every requirements*.lock anew from its .in file, with uv, for Python 3.11 and up."""

import subprocess
import sys

from infra.local.bootstrap import DEVELOP, ROOT

UV = ROOT / "infra/local/.venv/bin/uv"
OPTIONS = (
    "--universal",
    "--generate-hashes",
    "--python-version",
    "3.11",
    "--no-header",
    "--no-strip-extras",
    "--quiet",
)


def main() -> int:
    """The exit status."""
    for folder in (*DEVELOP, "infra/audit"):
        for name in ("requirements", "requirements-dev"):
            if not (ROOT / folder / f"{name}.in").exists():
                continue
            print(f"{folder}/{name}.lock", flush=True)
            command = [str(UV), "pip", "compile", *OPTIONS, f"{name}.in", "-o", f"{name}.lock"]
            if subprocess.run(command, cwd=ROOT / folder, check=False).returncode:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
