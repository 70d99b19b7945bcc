"""What can go wrong with a category."""

from typing import Final

from expenses_service.errors import Conflict

MAX_OWN: Final = 5000
"""Categories that a user has made, all of which are read for the list."""


class SlugTaken(Conflict):
    """The user has a category of this slug, perhaps an archived one."""

    code = "slug_taken"
    default_detail = "You have a category with this slug already."


class TooManyCategories(Conflict):
    """The user would have made more than MAX_OWN; deleted ones count, for they can come back."""

    code = "too_many_categories"
    default_detail = (
        f"You may make {MAX_OWN:,} categories, deleted ones included; rename one, or bring one"
        " back by its slug."
    )


class CategoryInUse(Conflict):
    """Live expenses are in it and the caller did not say where they go."""

    code = "category_in_use"
    default_detail = "There are expenses in this category; name another one in move_to."
