"""GW: what parts of the gateway cost, each left out or put in beside the gateway as it is. Reported only.

Behind all of them is the same bare application, so a ratio is what a part is worth; the CPU is Traefik's.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.figures import Line
from bench.loads import list_answer, lists
from bench.sides import Title, compare, side
from bench.site import Site, Target
from infra.local.bootstrap import ROOT
from infra.local.failure import Failure

Edits = Mapping[str, Sequence[tuple[str, str]]]
"""By file, patterns of what gives way and what stands there then."""

CONNECTIONS = 64
STATIC, COMMON, EXPENSES = "traefik.yml", "dynamic/common.yml", "dynamic/expenses.yml"
VARIANTS: Mapping[str, Edits] = {
    "without the access log": {STATIC: [(r"\naccessLog:\n(?: .*\n)*", "\n")]},
    "without metrics": {STATIC: [(r"\nmetrics:\n(?: .*\n)*", "\n")]},
    "without the limit by address": {
        COMMON: [(r"(response-headers, request-headers), requests-per-address\]\n", r"\1]\n")]
    },
    "without its middlewares": {
        COMMON: [(r" +middlewares: \[response-headers, request-headers, requests-per-address\]\n", "")],
        EXPENSES: [
            (r"(    expenses-reads:\n.*\n.*\n) +middlewares: .*\n", r"\1"),
            (r"(    \{\{ \$name \}\}:\n) +middlewares: \[retry\]\n", r"\1"),
        ],
    },
    "with fastProxy": {STATIC: [(r"\nping:\n", "\nexperimental:\n  fastProxy: {}\n\nping:\n")]},
}


def share(site: Site) -> Iterator[Line]:
    """Each variant against the gateway as it is, and no gateway at all."""
    cookies = site.ada.cookies(site.auth)
    answer = list_answer(site, cookies)
    load = lists(cookies, answer)
    for name, edits in {**VARIANTS, "no gateway": {}}.items():
        bare = site.bare(answer)
        as_it_is = site.gateway_from(ROOT / "gateway", bare.url)
        other = _variant(site, name, edits, bare)
        site.pin(as_it_is, other)
        title = Title("GW", f"{CONNECTIONS} connections", "the gateway before a bare application", name)
        yield compare(
            site,
            title,
            side(site, as_it_is, load, CONNECTIONS),
            side(site, other, load, CONNECTIONS),
            goal=None,
        )
        site.end_extras()


def _variant(site: Site, name: str, edits: Edits, bare: Target) -> Target:
    if not edits:
        return bare
    folder = site.folder / name.replace(" ", "-")
    shutil.copytree(ROOT / "gateway", folder, ignore=shutil.ignore_patterns(".*", "tests"))
    edit(folder, edits)
    return site.gateway_from(folder, bare.url)


def edit(folder: Path, edits: Edits) -> None:
    """Raises Failure where a pattern is not there once, since then it would measure something else."""
    for file, pairs in edits.items():
        text = (folder / file).read_text()
        for pattern, new in pairs:
            text, found = re.subn(pattern, new, text)
            if found != 1:
                raise Failure(f"{file} has {found} times what this variant is to change: {pattern}")
        (folder / file).write_text(text)
