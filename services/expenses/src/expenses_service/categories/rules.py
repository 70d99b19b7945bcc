"""The usual set and how a user's own rows change it.

Nothing is seeded: a row exists only for a category that its user added, changed or deleted, so a
new user has the whole set from the first moment and a release can add to it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

FIRST_VERSION: Final = 1


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


def _slug(category: Category) -> str:
    return category.slug
