"""Any mixture of what browsers, thieves, operators and failures do leaves alive what must be.

AUTH_MODEL_EXAMPLES is how many mixtures are tried, each of at most 40 steps.
"""

import os
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from auth_service.settings import Settings
from tests.model import checks
from tests.model.browser import Browser, Call
from tests.model.model import Kept, Model, User
from tests.model.player import Player
from tests.model.stage import Dump, Stage, set_up

ENOUGH = 15
EXAMPLES = int(os.environ.get("AUTH_MODEL_EXAMPLES", ENOUGH))
STEPS = 40
MOST_SESSIONS = 16
MOST_ROTATIONS = 1  # a key takes a second to make
TABS = st.integers(1, 5)
LEAST_LIVING = 2  # when fewer are left, nobody ends them
ENDINGS = st.sampled_from(["logout", "logout-all", "password"])
FATES = st.sampled_from(["all is kept", "the answer is lost", "Redis loses it"])

Snapshot = tuple[Dump, dict[str, Kept]]


def some_browser() -> st.SearchStrategy[Browser]:
    """Any, also one whose session has ended."""
    return st.runner().flatmap(lambda machine: st.sampled_from(machine.browsers))


def living_browser() -> st.SearchStrategy[Browser]:
    """One that can still be refreshed, if there is any."""
    return st.runner().flatmap(
        lambda machine: st.sampled_from(machine.living() or machine.browsers)
    )


def some_user() -> st.SearchStrategy[User]:
    return st.runner().flatmap(lambda machine: st.sampled_from(machine.model.users))


def enough_live(machine: "Sessions") -> bool:
    return len(machine.living()) >= LEAST_LIVING and len(machine.model.sessions) < MOST_SESSIONS


class Sessions(RuleBasedStateMachine):
    """Two users, some browsers, and whoever has copied their cookies."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.model = Model(stage.current_kid())
        self.player = Player(stage, self.model)
        self.browsers: list[Browser] = []
        self.rotations = 0
        # What Redis may have on disk: the state before the last step, and the present one.
        self.earlier: Snapshot | None = None
        self.latest: Snapshot | None = None

    def living(self) -> list[Browser]:
        """Those that can be refreshed."""
        sessions = self.model.sessions
        return [b for b in self.browsers if not self.model.refusal(sessions[b.refresh.session_id])]

    # --- browsers -------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.stage.forget()
        for name in ("ada", "bob"):
            self.sign_in(self.player.register(name))

    @precondition(lambda self: len(self.model.sessions) < MOST_SESSIONS)
    @rule(user=some_user())
    def sign_in(self, user: User) -> None:
        browser = self.player.sign_in(user, user.passwords[-1])
        self.browsers += [browser] if browser else []

    @rule(user=some_user())
    def sign_in_with_old_passwords(self, user: User) -> None:
        for password in user.passwords[:-1]:
            assert self.player.sign_in(user, password) is None

    @rule(browser=living_browser(), at_once=st.booleans(), tabs=TABS, fate=FATES)
    def refresh(self, browser: Browser, *, at_once: bool, tabs: int, fate: str) -> None:
        """A lost answer leaves the browser behind Redis, a lost rotation ahead of it."""
        if not at_once:
            self.time_passes()
        before = self.snapshot()
        answer = self.player.present(browser, browser.refresh, tabs)
        if answer.status == 200 and fate != "the answer is lost":
            refresh = answer.refresh if answer.brings_refresh else browser.refresh
            browser.keep(answer.access, refresh)
        if fate == "Redis loses it":
            self.redis_returns(before)

    @rule(browser=living_browser(), back=st.integers(0, 3), tabs=TABS)
    def present_a_late_token(self, browser: Browser, back: int, tabs: int) -> None:
        """By a thief, or by a browser that was restored from a backup."""
        self.player.present(browser, browser.known[-1 - back % len(browser.known)], tabs)

    @rule()
    def time_passes(self) -> None:
        self.stage.time_passes()
        self.model.time_passes()
        self.latest = None

    # --- endings --------------------------------------------------------------------------------

    @precondition(enough_live)
    @rule(
        one=some_browser(),
        other=some_browser(),
        which=st.sampled_from(["access", "refresh", "both"]),
    )
    def log_out(self, one: Browser, other: Browser, which: str) -> None:
        self.player.log_out(
            one.access if which != "refresh" else None,
            other.refresh if which != "access" else None,
        )

    @precondition(enough_live)
    @rule(browser=living_browser(), other=some_browser())
    def end_session(self, browser: Browser, other: Browser) -> None:
        self.player.end_session(browser, self.model.sessions[other.refresh.session_id])

    @precondition(enough_live)
    @rule(browser=some_browser(), kind=ENDINGS)
    def end(self, browser: Browser, kind: str) -> None:
        (answer,) = self.player.send(self.player.ending(browser, kind))
        self.player.ended(browser, kind, answer)

    @precondition(enough_live)
    @rule(browser=living_browser(), kind=ENDINGS, victim=living_browser(), tabs=TABS)
    def race(self, browser: Browser, kind: str, victim: Browser, tabs: int) -> None:
        self.player.race(browser, kind, victim, tabs)

    # --- operators and failures ------------------------------------------------------------------

    @precondition(enough_live)
    @rule(user=some_user())
    def disable(self, user: User) -> None:
        self.stage.disable(user.email)
        self.model.disable(user)

    @precondition(lambda self: any(user.disabled for user in self.model.users))
    @rule()
    def enable(self) -> None:
        for user in self.model.users:
            self.stage.enable(user.email)
            user.disabled = False

    @precondition(lambda self: self.rotations < MOST_ROTATIONS)
    @rule()
    def rotate_keys(self) -> None:
        self.rotations += 1
        self.model.kid = self.stage.rotate_keys()

    @precondition(enough_live)
    @rule(browser=some_browser(), kind=st.sampled_from(["none", "logout", "logout-all"]))
    def redis_is_lost(self, browser: Browser, kind: str) -> None:
        """While it is gone nobody signs in, no cookie is lost, and what ends does end."""
        self.stage.redis_stops()
        login = {"email": browser.user.email, "password": browser.user.passwords[-1]}
        refused = self.player.send(
            Call("POST", "/refresh", refresh=browser.refresh), Call("POST", "/login", json=login)
        )
        for answer in refused:
            assert (answer.status, answer.code, answer.cookies) == (503, "unavailable", {})
        if kind != "none":
            (answer,) = self.player.send(self.player.ending(browser, kind))
            self.player.ended(browser, kind, answer)
        self.stage.redis_starts()
        self.model.redis_is_wiped()
        self.latest = None

    @precondition(lambda self: self.earlier is not None)
    @rule()
    def redis_loses_the_last_step(self) -> None:
        """It restarts with what it had written; nothing that has ended begins again."""
        assert self.earlier is not None
        self.redis_returns(self.earlier)

    def snapshot(self) -> Snapshot:
        return self.stage.dump(), dict(self.model.redis)

    def redis_returns(self, snapshot: Snapshot) -> None:
        """To an earlier state, which it had written."""
        dump, kept = snapshot
        self.stage.restore(dump)
        self.model.redis = dict(kept)
        self.latest = None

    # --- what holds after each step --------------------------------------------------------------

    @invariant()
    def what_redis_has_is_remembered(self) -> None:
        self.earlier, self.latest = self.latest, self.snapshot()

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        web, access = self.stage.web, list(chain(*self.player.access.values()))
        self.stage.run(checks.access_tokens(web, self.model, access))
        self.stage.run(checks.refresh_tokens(web, self.model, self.player.refresh.values()))
        self.stage.run(checks.lists_of_sessions(web, self.model, access))
        self.stage.run(checks.revocation_list(web, self.model))


@pytest.fixture
def stage(settings: Settings, urls: dict[str, str], no_keys: None) -> Iterator[Stage]:  # noqa: ARG001 - it makes many
    with set_up(settings, urls["owner"]) as stage:
        yield stage


def test_what_must_be_alive_is_and_nothing_else(stage: Stage) -> None:
    class Staged(Sessions):
        def __init__(self) -> None:
            super().__init__(stage)

    run_state_machine_as_test(
        Staged,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            phases=[Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    if EXAMPLES >= ENOUGH:
        assert {"ROTATED", "SAME", "GRACE"} <= stage.outcomes.keys()
