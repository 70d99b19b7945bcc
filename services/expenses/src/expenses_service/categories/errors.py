"""What can go wrong with a category."""

from expenses_service.errors import Conflict


class SlugTaken(Conflict):
    """The user has a category of this slug, perhaps an archived one."""

    code = "slug_taken"
    default_detail = "You have a category with this slug already."


class CategoryInUse(Conflict):
    """Live expenses are in it and the caller did not say where they go."""

    code = "category_in_use"
    default_detail = "There are expenses in this category; name another one in move_to."
