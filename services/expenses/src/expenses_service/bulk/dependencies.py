"""What the route of many writes asks for beside the caller."""

import json
from typing import Annotated

from fastapi import Depends, Request

from expenses_service.authentication.dependencies import Writer
from expenses_service.bulk.schemas import BulkRequest
from expenses_service.errors import MalformedJson
from expenses_service.idempotency.dependencies import keyed
from expenses_service.idempotency.models import KeyedRequest
from expenses_service.requests import Bare, json_body
from expenses_service.resources import Resources, get_resources

Bulk = Annotated[BulkRequest, Depends(json_body(BulkRequest))]
Held = Annotated[Resources, Depends(get_resources)]


async def keyed_bulk(
    request: Request, principal: Writer, asked: Bulk, _: Bare
) -> KeyedRequest | None:
    """The request by its Idempotency-Key. Operations that are not valid are a part of it too."""
    try:
        text = json.dumps(dict(asked), sort_keys=True, default=str)
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None
    return keyed(request, principal, text.encode())


Keyed = Annotated[KeyedRequest | None, Depends(keyed_bulk)]
