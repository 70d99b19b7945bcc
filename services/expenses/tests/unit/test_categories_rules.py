"""The usual categories and a user's changes to them."""

from expenses_service.categories.rules import USUAL, Category, merge, open_among


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
