"""GET /currencies."""

import httpx

PATH = "/api/v1/currencies"


async def test_anybody_may_read_and_keep_it(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get(PATH)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=3600"
    items = {item["code"]: item for item in response.json()["items"]}
    assert list(items) == sorted(items)
    assert items["EUR"] == {"code": "EUR", "name": "Euro", "exponent": 2}
    assert [items[code]["exponent"] for code in ("JPY", "KWD", "CLF")] == [0, 3, 4]
    assert not {"XXX", "XAU", "XTS"} & set(items)


async def test_a_second_visit_costs_no_body(anonymous: httpx.AsyncClient) -> None:
    etag = (await anonymous.get(PATH)).headers["etag"]
    response = await anonymous.get(PATH, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


async def test_it_takes_no_parameters_and_no_writes(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get(PATH, params={"code": "EUR"})).status_code == 422
    assert (await anonymous.post(PATH)).status_code == 405
