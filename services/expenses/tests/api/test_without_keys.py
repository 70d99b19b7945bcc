"""The service while auth cannot be reached: alive, not ready, and well again without a restart."""

from expenses_service.app import create_app
from expenses_service.settings import Settings
from tests.conftest import client_of
from tests.jwks_server import JwksServer
from tests.tokens import SigningKey, access_claims, key_set
from tests.waiting import until_ready


async def test_started_before_auth(settings: Settings, signing_key: SigningKey) -> None:
    with JwksServer(key_set(signing_key), status=503) as server:
        own = settings.model_copy(update={"jwks_url": server.url})
        app = create_app(own)
        async with (
            app.router.lifespan_context(app),
            client_of(app, signing_key.token(access_claims())) as client,
        ):
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/api/v1/currencies")).status_code == 200
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["failing"]) == (503, ["keys"])
            refused = await client.get("/api/v1/categories")
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert refused.headers["retry-after"] == "1"
            server.status = 200
            await until_ready(client)
            assert (await client.get("/api/v1/categories")).status_code == 200


async def test_auth_gone_later(settings: Settings, signing_key: SigningKey) -> None:
    with JwksServer(key_set(signing_key)) as server:
        app = create_app(settings.model_copy(update={"jwks_url": server.url}))
        async with app.router.lifespan_context(app), client_of(app) as client:
            await until_ready(client)
            server.status = 500
            fetches = len(server.paths)
            for _ in range(20):
                token = signing_key.token(access_claims())
                headers = {"Authorization": f"Bearer {token}"}
                assert (await client.get("/api/v1/categories", headers=headers)).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
            assert len(server.paths) == fetches
