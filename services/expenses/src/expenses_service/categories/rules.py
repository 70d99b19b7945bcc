"""The usual set and how a user's own rows change it.

Nothing is seeded: a row exists only for a category that its user added, changed or deleted, so a
new user has the whole set from the first moment and a release can add to it.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

FIRST_VERSION: Final = 1
MAX_SLUG: Final = 64
SLUG_PATTERN: Final = "^[a-z0-9]+(-[a-z0-9]+)*$"


@dataclass(frozen=True, slots=True)
class Category:
    """A category as its user has it; `deleted` ones are kept only to hide one of the usual set."""

    slug: str
    name: str
    archived: bool = False
    version: int = FIRST_VERSION
    deleted: bool = False

    @property
    def is_default(self) -> bool:
        """Whether it is one of the usual set."""
        return self.slug in USUAL


USUAL: Final[Mapping[str, Category]] = {
    slug: Category(slug, slug.capitalize())
    for slug in (
        "food",
        "groceries",
        "transport",
        "housing",
        "utilities",
        "health",
        "leisure",
        "travel",
        "shopping",
        "work",
        "education",
        "other",
    )
}


def merge(rows: Iterable[Category]) -> list[Category]:
    """The user's categories: the usual set in its order, then his own by slug."""
    own = {row.slug: row for row in rows}
    usual = [own.pop(slug, category) for slug, category in USUAL.items()]
    return [each for each in [*usual, *sorted(own.values(), key=_slug)] if not each.deleted]


def open_among(slugs: Collection[str], rows: Iterable[Category]) -> frozenset[str]:
    """Those of `slugs` that take new expenses: neither unknown, nor deleted, nor archived."""
    known = {**USUAL, **{row.slug: row for row in rows}}
    present = (known[slug] for slug in slugs if slug in known)
    return frozenset(each.slug for each in present if not (each.deleted or each.archived))


def slug_of(name: str) -> str | None:
    """ASCII, lower case, hyphens: `Café & Bar` gives `cafe-bar`; None when nothing is left."""
    letters = unicodedata.normalize("NFKD", name.casefold())  # which makes `ss` of `ß`
    ascii_only = letters.encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:MAX_SLUG].strip("-") or None


def added(slug: str, name: str, before: Category | None) -> Category:
    """A new category, or the next version of a deleted one."""
    version = FIRST_VERSION if before is None else before.version + 1
    return Category(slug, name, version=version)


def brought_back(category: Category) -> Category:
    """The next version of a deleted one that has an expense again; it takes no new ones."""
    return replace(category, deleted=False, archived=True, version=category.version + 1)


def changed(category: Category, fields: Mapping[str, Any]) -> Category:
    """The next version with these fields, or `category` itself when nothing differs."""
    wanted = replace(category, **fields)
    return category if wanted == category else replace(wanted, version=category.version + 1)


def _slug(category: Category) -> str:
    return category.slug
