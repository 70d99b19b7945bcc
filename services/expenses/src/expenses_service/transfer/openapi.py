"""What the routes of transfers declare: files, parameters, headers, problems, examples."""

from typing import Any, Final

from fastapi import Response

from expenses_service.cache.responses import VALIDATED
from expenses_service.headers import IDEMPOTENCY_KEY
from expenses_service.openapi import SIGNED_IN, answer, problems, query_parameters
from expenses_service.transfer.models import MAX_ROWS
from expenses_service.transfer.schemas import Erasure, ExportQuery, ImportOut, ImportQuery

_TEXT: Final = {"schema": {"type": "string"}}
_SECURITY: Final = {"security": SIGNED_IN}
_CSV_EXAMPLE: Final = (
    "id,kind,amount,currency,spent_on,description,merchant,category,tags,payment_method,notes,"
    "metadata,source,external_id,version,created_at,updated_at,deleted_at\r\n"
    "019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a43,expense,12.50,EUR,2026-05-31,Lunch with Ada,,food,"
    '"[""team""]",card,,{},,,1,2026-05-31T12:00:00Z,2026-05-31T12:00:00Z,\r\n'
)
_NDJSON_EXAMPLE: Final = (
    '{"id":"019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a43","kind":"expense","amount":"12.50",'
    '"currency":"EUR","spent_on":"2026-05-31","description":"Lunch with Ada","merchant":null,'
    '"category":"food","tags":["team"],"payment_method":"card","notes":null,"metadata":{},'
    '"source":null,"external_id":null,"version":1,"created_at":"2026-05-31T12:00:00Z",'
    '"updated_at":"2026-05-31T12:00:00Z","deleted_at":null}\n'
)

_ARCHIVE_EXAMPLE: Final = (
    '{"type":"user","id":"019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a40","seq":1}\n'
    '{"type":"category","slug":"cafe-bar","name":"Café & Bar","archived":false,"version":1,'
    '"deleted":false}\n'
    f'{{"type":"expense",{_NDJSON_EXAMPLE[1:]}'
    '{"type":"change","seq":1,"action":"created","id":"019a3c5e-7d1f-7c2a-9b57-2f0c8d1e6a43",'
    f'"version":1,"at":"2026-05-31T12:00:00Z","expense":{_NDJSON_EXAMPLE[:-1]}}}\n'
    '{"type":"end","categories":1,"expenses":1,"changes":1}\n'
)
_SHORT_CSV_EXAMPLE: Final = (
    "source,external_id,spent_on,amount,currency,description\r\n"
    "bank,2026-05-31/7,2026-05-31,12.50,EUR,Lunch with Ada\r\n"
)
_SHORT_NDJSON_EXAMPLE: Final = (
    '{"source":"bank","external_id":"2026-05-31/7","spent_on":"2026-05-31","amount":"12.50",'
    '"currency":"EUR","description":"Lunch with Ada"}\n'
)
_IMPORTED_EXAMPLE: Final = {
    "created": 2,
    "updated": 1,
    "unchanged": 40,
    "failed": 1,
    "errors": [
        {
            "line": 17,
            "code": "amount_scale",
            "pointer": "/amount",
            "detail": "must have at most 2 decimals in EUR",
        }
    ],
}

EXPORT: Final[dict[str, Any]] = {
    "operation_id": "expenses_export",
    "response_class": Response,
    "responses": {
        **VALIDATED,
        200: {
            "description": "The file; a transfer that ends early is cut, never whole.",
            "headers": {"Content-Disposition": {}},
            "content": {
                "text/csv": {**_TEXT, "example": _CSV_EXAMPLE},
                "application/x-ndjson": {**_TEXT, "example": _NDJSON_EXAMPLE},
            },
        },
    },
    "openapi_extra": {**_SECURITY, **query_parameters(ExportQuery)},
}

MAX_IMPORT_BYTES: Final = 64 * 1024 * 1024
IMPORT: Final[dict[str, Any]] = {
    "operation_id": "expenses_import",
    "response_model": ImportOut,
    "responses": {
        200: answer("What was done with the rows.", _IMPORTED_EXAMPLE),
        **problems(409),
    },
    "openapi_extra": {
        **_SECURITY,
        "parameters": [*query_parameters(ImportQuery)["parameters"], IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "description": f"At most {MAX_ROWS} rows; UTF-8.",
            "content": {
                "text/csv": {**_TEXT, "example": _SHORT_CSV_EXAMPLE},
                "application/x-ndjson": {**_TEXT, "example": _SHORT_NDJSON_EXAMPLE},
            },
        },
        "x-max-body-bytes": MAX_IMPORT_BYTES,
    },
}

ARCHIVE: Final[dict[str, Any]] = {
    "operation_id": "expenses_archive",
    "response_class": Response,
    "responses": {
        **VALIDATED,
        200: {
            "description": "The file; a transfer that ends early is cut, never whole.",
            "headers": {"Content-Disposition": {}},
            "content": {"application/x-ndjson": {**_TEXT, "example": _ARCHIVE_EXAMPLE}},
        },
    },
    "openapi_extra": _SECURITY,
}

ERASE: Final[dict[str, Any]] = {
    "operation_id": "expenses_erase",
    "status_code": 204,
    "response_model": None,
    "responses": {204: {"description": "All gone."}},
    "openapi_extra": {**_SECURITY, **query_parameters(Erasure)},
}
