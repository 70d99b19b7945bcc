"""GET /currencies: the same bytes for everybody, made once."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from expenses_service.cache.models import Reply
from expenses_service.cache.responses import VALIDATED, public_data
from expenses_service.currencies.rules import CURRENCIES
from expenses_service.currencies.schemas import CurrencyList
from expenses_service.etag import opaque_etag
from expenses_service.openapi import answer
from expenses_service.requests import Bare

router = APIRouter(prefix="/api/v1/currencies", tags=["currencies"])

_BODY: Final = msgspec.json.encode({"items": list(CURRENCIES.values())})
_REPLY: Final = Reply(opaque_etag("currencies", _BODY), _BODY)
_EXAMPLE: Final = {"code": "KWD", "name": "Kuwaiti Dinar", "exponent": 3}


@router.get(
    "",
    operation_id="currencies_list",
    response_model=CurrencyList,
    responses={**VALIDATED, 200: answer("All of them.", {"items": [_EXAMPLE]})},
)
async def list_currencies(request: Request, _: Bare) -> Response:
    """Every currency that an amount can be in (ISO 4217), ordered by code."""
    return public_data(request, _REPLY)
