import pytest
from starlette.responses import Response

from auth_service.cookies import CookieProfile

LIVES = "; Max-Age=300; Path=/; HttpOnly; SameSite=Strict"
YEAR = "; Max-Age=31536000; Path=/; HttpOnly; SameSite=Strict"
SHORT = "; Max-Age=300; Path=/api/v1/auth; HttpOnly; SameSite=Strict"
ENDED = "; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"
ENDED_SHORT = "; Max-Age=0; Path=/api/v1/auth; HttpOnly; SameSite=Strict"
PLAIN = [
    f"ea_access=a.b-c_d{LIVES}",
    f"ea_refresh=e.f{SHORT}",
    f"ea_device=g{YEAR}",
    f"ea_access={ENDED}",
    f"ea_refresh={ENDED_SHORT}",
]
SECURE = [
    f"__Host-ea_access=a.b-c_d{LIVES}; Secure",
    f"__Secure-ea_refresh=e.f{SHORT}; Secure",
    f"__Host-ea_device=g{YEAR}; Secure",
    f"__Host-ea_access={ENDED}; Secure",
    f"__Secure-ea_refresh={ENDED_SHORT}; Secure",
]


@pytest.mark.parametrize(("secure", "lines"), [(False, PLAIN), (True, SECURE)])
def test_each_cookie_has_the_attributes_of_the_contract(*, secure: bool, lines: list[str]) -> None:
    profile, response = CookieProfile(secure=secure), Response()
    profile.set_access(response, "a.b-c_d", 300)
    profile.set_refresh(response, "e.f", 300)
    profile.set_device(response, "g")
    profile.clear(response)
    assert response.headers.getlist("set-cookie") == lines
