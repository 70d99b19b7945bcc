"""The usual categories and a user's changes to them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from expenses_service.categories.rules import (
    USUAL,
    Category,
    merge,
    open_among,
    slug_of,
)
from expenses_service.categories.schemas import Slug

SLUG: TypeAdapter[str] = TypeAdapter(Slug)


def test_the_usual_set_is_there_from_the_start() -> None:
    assert [category.slug for category in merge([])] == [
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
    ]
    assert all(category.is_default and category.version == 1 for category in merge([]))
    assert USUAL["food"].name == "Food"


def test_a_users_rows_change_hide_and_add() -> None:
    rows = [
        Category("zoo", "Zoo"),
        Category("art", "Art", archived=True),
        Category("food", "Eating", version=2),
        Category("work", "Work", version=2, deleted=True),
        Category("gone", "Gone", version=2, deleted=True),
    ]
    merged = merge(rows)
    slugs = [category.slug for category in merged]
    assert slugs[0] == "food"
    assert merged[0].name == "Eating"
    assert slugs[-3:] == ["other", "art", "zoo"]
    assert not {"work", "gone"} & set(slugs)
    assert not merged[-1].is_default


def test_which_take_new_expenses() -> None:
    rows = [
        Category("zoo", "Zoo"),
        Category("art", "Art", archived=True),
        Category("work", "Work", version=2, deleted=True),
    ]
    asked = ["food", "zoo", "art", "work", "nonsense"]
    assert open_among(asked, rows) == {"food", "zoo"}
    assert open_among([], rows) == frozenset()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Café & Bar", "cafe-bar"),
        ("  Trips  2026 ", "trips-2026"),
        ("ﬁtness", "fitness"),
        ("Straße", "strasse"),
        ("™ İ", "tm-i"),
        ("--", None),
        ("食べ物", None),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_the_slug_that_a_name_gives(name: str, slug: str | None) -> None:
    assert slug_of(name) == slug
    assert slug is None or SLUG.validate_python(slug) == slug


@pytest.mark.parametrize("text", ["", "A", "a--b", "-a", "a-", "a b", "x" * 65, "a\n", "ä"])
def test_what_is_no_slug(text: str) -> None:
    with pytest.raises(ValidationError):
        SLUG.validate_python(text)
