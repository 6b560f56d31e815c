"""Single user and alternating users, written once over any engine with users and passwords.

Source: Secrets Manager User Guide, "Lambda function rotation strategies"; facts secretsmanager 9.5, rotation 4.
"""

from __future__ import annotations

from strongroom.rotations.contract import Attempt, Engine, Finding, Plan, Tools, Value
from strongroom.rotations.errors import BadSecret, Refused, RotationError
from strongroom.rotations.passwords import is_yes
from strongroom.rotations.secret import text_of

CLONE = "_clone"
SUPERUSER = "ROTATION_SUPERUSER"
"""The setting that names the superuser's secret; ``masterarn`` in a secret must agree with it."""


def plan_of(engine: Engine, tools: Tools) -> Plan:
    """The plan that the function's setting ROTATION_STRATEGY names. Raises BadSecret for another word."""
    strategy = tools.environment.get("ROTATION_STRATEGY", "single")
    if strategy == "single":
        return SingleUser(engine, tools)
    if strategy == "alternating":
        return AlternatingUsers(engine, tools)
    raise BadSecret(f"ROTATION_STRATEGY is {strategy!r}; it must be single or alternating")


class SingleUser:
    """The user changes its own password."""

    def __init__(self, engine: Engine, tools: Tools) -> None:
        self._engine = engine
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:  # noqa: ARG002  one shape for all
        """The same login with another password."""
        text_of(current, "username")
        return {**current, "password": self._tools.password()}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:
        """Log in with whichever stored password the target takes, and change it."""
        _refuse_moved(pending, current, "username")
        tried: list[str] = []
        if _opens(self._engine, pending, "pending", tried):
            return
        for name, value in (("current", current), ("previous", previous)):
            if value is None or not _same(value, pending, "username", "host", "port"):
                continue
            try:
                with self._engine.open(value) as session:
                    session.set_password(text_of(pending, "username"), text_of(pending, "password"))
                    return
            except Refused as refusal:
                tried.append(f"{name}: {refusal}")
        raise RotationError("no stored password opens the target (" + "; ".join(tried) + ")")

    def test(self, value: Value) -> None:
        """Log in."""
        with self._engine.open(value):
            pass

    def retire(self, current: Value, previous: Value | None) -> None:
        """Nothing: a user has one password."""

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:  # noqa: ARG002
        """Log in with what is current, and try the change without keeping it."""
        user = text_of(current, "username")
        with self._engine.open(current) as session:
            found = [_login(user, session.encrypted)]
            return found + session.rehearse(user, self._tools.password(), clone=None)


class AlternatingUsers:
    """Two users take turns; a superuser makes the second and sets the password of the one whose turn it is."""

    def __init__(self, engine: Engine, tools: Tools) -> None:
        self._engine = engine
        self._tools = tools

    def create(self, current: Value, attempt: Attempt) -> Value:  # noqa: ARG002  one shape for all
        """The other user, with a password of its own. Raises BadSecret where its name would be too long."""
        return {**current, "username": self._other(current), "password": self._tools.password()}

    def set(self, pending: Value, current: Value, previous: Value | None) -> None:  # noqa: ARG002
        """Have the superuser give the other user the new password."""
        if text_of(pending, "username") != self._other(current):
            raise RotationError("the pending user is not the one whose turn it is")
        _refuse_moved(pending, current)
        tried: list[str] = []
        if _opens(self._engine, pending, "pending", tried):
            return
        # Only who has the current password may have another user's set: else a secret that somebody else wrote
        # could have the superuser hand over an account.
        if not _opens(self._engine, current, "current", tried):
            raise RotationError("the current password does not open the target (" + "; ".join(tried) + ")")
        with self._engine.open(self._superuser(current)) as session:
            session.clone(text_of(current, "username"), text_of(pending, "username"), text_of(pending, "password"))

    def test(self, value: Value) -> None:
        """Log in."""
        with self._engine.open(value):
            pass

    def retire(self, current: Value, previous: Value | None) -> None:
        """Nothing: the other user's password stays valid until its next turn, which is the point of two."""

    def rehearse(self, current: Value, previous: Value | None) -> list[Finding]:  # noqa: ARG002
        """Log in as both, and try what the superuser will do without keeping it."""
        user = text_of(current, "username")
        other = self._other(current)
        with self._engine.open(current) as session:
            found = [_login(user, session.encrypted)]
        superuser = self._superuser(current)
        with self._engine.open(superuser) as session:
            found.append(_login(text_of(superuser, "username"), session.encrypted))
            return found + session.rehearse(user, self._tools.password(), clone=other)

    def _other(self, value: Value) -> str:
        user = text_of(value, "username")
        other = user.removesuffix(CLONE) if user.endswith(CLONE) else user + CLONE
        limit = int(self._tools.environment.get("USERNAME_CHARACTER_LIMIT") or self._engine.user_characters)
        if len(other.encode()) > limit or not other:
            raise BadSecret(f"the name of the second user, {other!r}, has more than {limit} characters")
        return other

    def _superuser(self, value: Value) -> Value:
        found = superuser_of(value, self._tools)
        if found is None:
            raise BadSecret("masterarn key is missing from secret JSON")
        return found


def superuser_of(value: Value, tools: Tools) -> Value | None:
    """The login of whoever may change other users; None where neither secret nor settings name one.

    Raises BadSecret for a superuser of another place, or another than the settings name.
    """
    named, meant = value.get("masterarn"), tools.environment.get(SUPERUSER)
    if named is not None and meant is not None and named != meant:
        raise BadSecret("masterarn in the secret is not the superuser that this function was made for")
    arn = named or meant
    if not isinstance(arn, str):
        return None
    found = tools.other_secret(arn)
    # Source: facts rotation, section 1, 7: what a service makes holds user and password alone.
    whole: Value = {**{name: value[name] for name in _PLACE if name in value}, **found}
    if not _same(whole, value, "host", "port"):
        raise BadSecret("the superuser's secret is for another host or port")
    return whole


_PLACE = ("host", "port", "dbname", "ssl", "ca", "engine")


def _opens(engine: Engine, value: Value, name: str, tried: list[str]) -> bool:
    """Whether a value opens the target; Unreachable is passed on, for then no other login will do better."""
    try:
        with engine.open(value):
            return True
    except Refused as refusal:
        tried.append(f"{name}: {refusal}")
        return False


def _refuse_moved(pending: Value, current: Value, *more: str) -> None:
    """What was pending when the secret was pointed elsewhere must not be set there. Source: AWS's templates do so."""
    if not _same(pending, current, "host", "port", *more):
        raise RotationError("the pending value is for another host, port or user than the current one")


def _same(one: Value, other: Value, *names: str) -> bool:
    return all(str(one.get(name, "")) == str(other.get(name, "")) for name in names)


def _login(user: str, encrypted: bool) -> Finding:
    return Finding("login", f"{user} is let in, " + ("over TLS" if encrypted else "in PLAIN TEXT: no TLS"))


def keeps_previous(tools: Tools) -> bool:
    """Whether a target that can take two at once goes on taking the previous value until the next rotation.

    Our choice: it does, so that nobody who has read the old value is shut out at once; KEEP_PREVIOUS=false ends it
    when the labels move.
    """
    return is_yes(tools.environment, "KEEP_PREVIOUS", default=True)
