"""/categories."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from expenses_service.authentication.dependencies import Reader
from expenses_service.cache.models import Reply
from expenses_service.cache.responses import VALIDATED, user_data
from expenses_service.categories import service
from expenses_service.categories.schemas import CategoryList
from expenses_service.etag import opaque_etag
from expenses_service.openapi import SIGNED_IN, problems
from expenses_service.requests import NoParameters, query
from expenses_service.resources import Resources, get_resources

router = APIRouter(prefix="/api/v1/categories", tags=["categories"])


@router.get(
    "",
    operation_id="categories_list",
    response_model=CategoryList,
    responses={**VALIDATED, **problems(400, 401, 403, 422)},
    openapi_extra={"security": SIGNED_IN},
)
async def list_categories(
    request: Request,
    principal: Reader,
    _: Annotated[NoParameters, Depends(query(NoParameters))],
    resources: Annotated[Resources, Depends(get_resources)],
) -> Response:
    """The usual set in its order, then the user's own by slug; archived ones too."""
    categories = await service.list_categories(resources, principal.user_id)
    body = CategoryList.of(categories).model_dump_json().encode()
    return user_data(request, Reply(opaque_etag("categories", principal.user_id, body), body))
