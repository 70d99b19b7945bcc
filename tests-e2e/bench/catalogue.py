"""The rows of the table, in its order."""

from collections.abc import Callable, Iterator, Mapping

from bench.figures import Line
from bench.rows import cached, gateway, growth, imports, mixed, overload, passwords, uncached, writes
from bench.site import Site

ROWS: Mapping[str, Callable[[Site], Iterator[Line]]] = {
    "P1": cached.cached,
    "P2": cached.not_modified,
    "P3": uncached.uncached,
    "P4": writes.spread_out,
    "P4h": writes.of_one_user,
    "P5": cached.spread,
    "P6": growth.pages,
    "P7": growth.summary,
    "P8": imports.imported,
    "P9": passwords.flood,
    "P10": passwords.logins,
    "P11": mixed.mixed,
    "P11h": writes.hot_user,
    "P12": mixed.replicas,
    "OVER": overload.overload,
    "GW": gateway.share,
}
