"""What must be alive: Postgres never forgets, Redis may. No I/O, no clock."""

from dataclasses import dataclass, field, replace

REVOKED = "session_revoked"
EXPIRED = "token_expired"


class User:
    """As Postgres has it; `passwords` ends with the present one."""

    def __init__(self, user_id: str, name: str, email: str, password: str) -> None:
        self.id = user_id
        self.name = name
        self.email = email
        self.passwords = [password]
        self.ver = 1
        self.disabled = False

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Session:
    """Begun by a sign-in or a password change, under the version that the user had then."""

    id: str
    user: User
    ver: int


@dataclass(frozen=True)
class Kept:
    """What Redis keeps of a session; `recent` is whether the last rotation or the login is.

    `issued` is when the refresh token of this generation was issued, once somebody has seen it.
    `replaced` is whether a new password, asked for by this session, has just ended it.
    """

    generation: int
    recent: bool
    issued: int | None
    replaced: bool = False


@dataclass(frozen=True)
class Verdict:
    """The answer to a refresh: a refusal, or the generation of the new refresh token, if any.

    A refusal clears the cookies, unless the browser may have those of a successor.
    """

    outcome: str
    code: str | None = None
    successor: int | None = None
    clears: bool = True


@dataclass
class Model:
    """The state that the service must seem to be in."""

    kid: str
    users: list[User] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    redis: dict[str, Kept] = field(default_factory=dict)

    def begin(self, user: User, session_id: str, issued: int) -> Session:
        """A new session of `user`."""
        assert session_id not in self.sessions
        session = Session(session_id, user, user.ver)
        self.sessions[session_id] = session
        self.redis[session_id] = Kept(generation=1, recent=True, issued=issued)
        return session

    def is_alive(self, session: Session) -> bool:
        """Whether its access tokens are good."""
        user = session.user
        return session.id not in self.revoked and not user.disabled and session.ver == user.ver

    def refusal(self, session: Session) -> str | None:
        """Why any refresh token of the session is refused, an old one or not."""
        if session.id in self.revoked or session.user.disabled:
            return REVOKED
        if session.id not in self.redis:
            return EXPIRED
        return None if self.is_alive(session) else REVOKED

    def is_replaced(self, session: Session) -> bool:
        """Whether the new password of its own user, and nothing else, has just ended it."""
        ended = session.id in self.revoked or session.user.disabled
        kept = self.redis.get(session.id)
        return not ended and kept is not None and kept.replaced

    def listed(self, user: User) -> list[str]:
        """The sessions that the user sees, the latest first."""
        mine = [session for session in self.sessions.values() if session.user is user]
        return [s.id for s in reversed(mine) if s.id in self.redis and self.is_alive(s)]

    def judge(self, session: Session, generation: int) -> Verdict:
        """What presenting the refresh token of `generation` will do."""
        if code := self.refusal(session):
            return Verdict(code, code, clears=not self.is_replaced(session))
        kept = self.redis[session.id]
        ahead = generation - kept.generation
        if ahead == 0 and kept.recent:
            return Verdict("SAME")
        if ahead == 0:
            return Verdict("ROTATED", successor=generation + 1)
        if ahead == -1 and kept.recent:
            return Verdict("GRACE", successor=kept.generation)
        if ahead == 1:
            return Verdict("FAST-FORWARD")
        return Verdict("REUSE", REVOKED)

    def refresh(self, session: Session, generation: int) -> Verdict:
        """Present it."""
        verdict = self.judge(session, generation)
        if verdict.outcome == "ROTATED":
            self.redis[session.id] = Kept(generation + 1, recent=True, issued=None)
        if verdict.outcome == "FAST-FORWARD":
            self.redis[session.id] = Kept(generation, recent=True, issued=None)
        if verdict.outcome == "REUSE":
            self.end(session)
        return verdict

    def seen(self, session_id: str, generation: int, issued: int) -> None:
        """A new refresh token: of the generation that Redis has, and the same each time."""
        kept = self.redis[session_id]
        assert (generation, issued) == (kept.generation, kept.issued or issued)
        self.redis[session_id] = replace(kept, issued=issued)

    def end(self, session: Session) -> None:
        """One session, whether it was alive or not."""
        self.revoked.add(session.id)

    def end_all(self, user: User) -> None:
        """All sessions that the user has."""
        user.ver += 1

    def replace(self, session: Session) -> None:
        """All sessions of its user end, and a new one is about to take its place."""
        self.end_all(session.user)
        if session.id in self.redis:
            self.redis[session.id] = replace(self.redis[session.id], replaced=True)

    def disable(self, user: User) -> None:
        """Ends all sessions, once."""
        if not user.disabled:
            user.disabled = True
            user.ver += 1

    def time_passes(self) -> None:
        """More than the rotation interval."""
        old = {"recent": False, "replaced": False}
        self.redis = {key: replace(kept, **old) for key, kept in self.redis.items()}

    def redis_is_wiped(self) -> None:
        """All of it."""
        self.redis = {}

    def ids(self) -> set[str]:
        """Of the users."""
        return {user.id for user in self.users}
