import pytest
from starlette.requests import Request

from auth_service.cross_site import CrossSiteRequest, refuse_cross_site

OWN = "https://money.example"


def request(*headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    "headers",
    [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "")],
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "cross-site"), ("origin", OWN)],
        [("origin", "null")],
        [("origin", "http://money.example")],
        [("origin", "https://money.example.evil")],
        [("origin", "https://money.example:8443")],
        [("origin", "")],
        [("origin", OWN), ("origin", OWN)],
    ],
)
def test_other_sites_are_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(CrossSiteRequest):
        refuse_cross_site(request(*headers), OWN)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "none")],
        [("origin", OWN)],
        [("sec-fetch-site", "same-origin"), ("origin", "https://proxy.example")],
    ],
)
def test_the_own_site_and_no_browser_pass(headers: list[tuple[str, str]]) -> None:
    refuse_cross_site(request(*headers), OWN)
