"""Requests for what a lane may keep, at random, and what happens between them."""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.expense_calls import PATH


@dataclass(frozen=True)
class Ask:
    """A request: `{name}` in its target, credentials and conditions stands for what is there."""

    method: str
    target: str
    credentials: tuple[str, ...]
    conditions: tuple[str, ...]
    ahead: bool = True
    """Whether the server shows its head to the application before it calls it."""


@dataclass(frozen=True)
class Do:
    """What happens between requests."""

    what: str


LIST_QUERIES = [
    "", "limit=2", "sort=spent_on&limit=2", "limit=2&sort=spent_on", "%6cimit=2", "limit=2&",
    "category=food,travel", "include=total", "limit=2&cursor={cursor}", "cursor={cursor}",
    "limit=0", "limit=2&limit=2", "limt=2", "q=lunch", "q=",
]  # fmt: skip
TARGETS = [
    *(f"{PATH}?{query}" for query in LIST_QUERIES),
    *(f"{PATH}/{{{name}}}" for name in ("mine", "gone", "foreign", "loud")),
    f"{PATH}/{{mine}}?x=1",
    f"{PATH}/{{mine}}/history",
    f"{PATH}/summary?group_by=category",
    f"{PATH}/summary?group_by=month,kind&fill=zero",
    f"{PATH}/summary",
    f"{PATH}/",
    "/api/v1/currencies",
    "/api/v1/nothing",
]
CREDENTIALS = [
    ("cookie: ea_access={token}",),
    ("authorization: Bearer {token}",),
    ("cookie: a=b; ea_access={token}; c",),
    ("cookie: a=b", "cookie: ea_access={token}"),
    ("cookie: ea_access", "authorization: bEARER   {token} "),
    ("cookie: ea_access={token}; ea_access={token}",),
    ("cookie: ea_access={token}", "cookie: ea_access=x"),
    ("cookie: ea_access={token}", "authorization: Bearer {token}"),
    ("authorization: Bearer {token}", "authorization: Bearer {token}"),
    ("cookie: ea_access=", "authorization: Bearer {token}"),
    ("cookie: ea_access={token}", "content-length: 0"),
    ("cookie: ea_access={token}", "content-length: 9999999"),
    ("cookie: __Host-ea_access={token}",),
    ("cookie: ea_access={writer}",),
    ("cookie: ea_access={other}",),
    ("cookie: ea_access={token}x",),
    ("cookie: ea_access=\xff{token}",),
    ("authorization: Basic {token}",),
    (),
]
CONDITIONS = [
    ("{etag}",), ("W/{etag}",), ('"x", {etag}',), ('"x"', "{etag}"), ("*",), (" * ",), ('"x", *',),
    ("{bare}",), ('"x"',), ("",), ("{etag}garbage\xff",),
]  # fmt: skip
METHODS = ["GET"] * 8 + ["HEAD", "POST", "OPTIONS"]
ACTS = ["write", "delete", "revoke", "allow", "later", "now"]


@st.composite
def scripts(draw: st.DrawFn) -> list[Ask | Do]:
    """Few targets, credentials and conditions, so that the same request comes again and again."""
    asks = st.builds(
        Ask,
        st.sampled_from(METHODS),
        st.sampled_from(draw(st.lists(st.sampled_from(TARGETS), min_size=1, max_size=2))),
        st.sampled_from(
            [
                *CREDENTIALS[:2],
                *draw(st.lists(st.sampled_from(CREDENTIALS), min_size=1, max_size=3)),
            ]
        ),
        st.sampled_from([(), *draw(st.lists(st.sampled_from(CONDITIONS), max_size=2))]),
        st.booleans(),
    )
    kinds = st.sampled_from([asks] * 6 + [st.sampled_from(ACTS).map(Do)])
    return draw(st.lists(kinds.flatmap(lambda kind: kind), min_size=12, max_size=30))
