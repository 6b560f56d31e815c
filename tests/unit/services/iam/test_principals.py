"""Who stands behind an access key: tested against a real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.stores import fresh_sqlite

from strongroom.base.clock import from_ms
from strongroom.base.entropy import SystemEntropy
from strongroom.base.keyids import TEMPORARY, mint
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.authz import binding
from strongroom.kernel.authz.principal import Principal, PrincipalKind
from strongroom.kernel.call import Credential
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.tokenkeys import rotate, token_keys
from strongroom.kernel.sealing.tokens import Session, SessionKind, issue, make_secret
from strongroom.kernel.storage.sqlite import SQLiteStore
from strongroom.services.iam import secrets
from strongroom.services.iam.principals import GENERATION, Principals
from strongroom.services.iam.rules.names import GROUP, ROLE, USER, Entity, mint_id
from strongroom.services.iam.rules.names import Kind as EntityKind
from strongroom.services.iam.store import entities, holdings, keys, members, roles, tags

ACCOUNT = "123456789012"
NOW = from_ms(1_700_000_000_000)
ENTROPY = SystemEntropy()
KEYRING = Keyring(bytes(range(32)))
PRINCIPALS = Principals(KEYRING)
ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}'
TRUST = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"AWS":"arn:aws:iam::123456789012:user/team/ann"}}}'
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """An empty store with the room's tables."""
    made = fresh_sqlite(tmp_path / "store.db")
    yield made
    made.close()


class World:
    """One account with a user, a key, a group and a role, and the store that holds them."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.ann = self._entity(USER, "ann", "/team/")
        self.team = self._entity(GROUP, "team", "/")
        self.deploy = self._entity(ROLE, "deploy", "/ops/")
        self.key, self.secret = secrets.new_key(self.ann, NOW, ENTROPY, KEYRING)
        with store.write() as tx:
            entities.add(tx, self.ann)
            entities.add(tx, self.team)
            roles.add(
                tx,
                self.deploy,
                roles.Trust(binding.stored(TRUST, {self.ann.arn: self.ann.id}), timedelta(hours=1)),
            )
            keys.add(tx, self.key)
            members.add(tx, self.team.id, self.ann.id)
            tags.put(tx, self.ann.id, {"Team": "blue"})
            tags.put(tx, self.deploy.id, {"Team": "ops", "Level": "1"})
            rotate(tx, KEYRING, ENTROPY, NOW)
            tx.raise_generation(ACCOUNT, GENERATION)

    @staticmethod
    def _entity(kind: EntityKind, name: str, path: str) -> Entity:
        return Entity(mint_id(kind, ENTROPY), ACCOUNT, kind, name, path, NOW)

    def look_up(self, key_id: str, token: str | None = None, after: timedelta = timedelta()) -> Credential | None:
        with self.store.read() as tx:
            return PRINCIPALS.credential(tx, key_id, token, NOW + after)

    def session(self, kind: SessionKind, issuer: Entity, **members: object) -> tuple[str, str]:
        """A key id and the token of a session of one hour."""
        key_id = mint(TEMPORARY, ACCOUNT, ENTROPY)
        session = Session(
            kind=kind,
            account=ACCOUNT,
            issuer_id=issuer.id,
            secret=make_secret(ENTROPY),
            issued=NOW,
            expires=NOW + timedelta(hours=1),
            issuing_key=self.key.id,
            name="night",
        )
        with self.store.read() as tx:
            sealing = token_keys(tx, KEYRING).keyring
        return key_id, issue(sealing, replace(session, **members), key_id)  # type: ignore[arg-type]


@pytest.fixture
def world(store: SQLiteStore) -> World:
    """The account of most tests."""
    return World(store)


def good(found: Credential | None) -> Credential:
    """What was found, which must be something."""
    assert found is not None
    return found


def test_a_long_term_key_stands_for_its_user(world: World) -> None:
    found = good(world.look_up(world.key.id))

    assert (world.secret, None) == (found.secret, found.session)
    assert found.principal == Principal(
        kind=PrincipalKind.USER,
        arn="arn:aws:iam::123456789012:user/team/ann",
        account=ACCOUNT,
        unique_id=world.ann.id,
        user_id=world.ann.id,
        name="ann",
        entity_arn="arn:aws:iam::123456789012:user/team/ann",
        tags={"Team": "blue"},
    )


def test_no_secret_is_in_a_repr(world: World) -> None:
    assert world.secret not in repr(world.look_up(world.key.id))


@pytest.mark.parametrize("key_id", ["", "AKIDEXAMPLE", "AKIAIOSFODNN7EXAMPLE", "ASIA", "x" * 1000])
def test_an_id_that_was_never_minted_is_unknown(world: World, key_id: str) -> None:
    assert world.look_up(key_id) is None


def test_an_id_without_a_row_is_unknown(world: World) -> None:
    assert world.look_up(mint("AKIA", ACCOUNT, ENTROPY)) is None


def test_a_long_term_key_with_a_token_is_unknown(world: World) -> None:
    assert world.look_up(world.key.id, "token") is None


def test_a_temporary_key_without_a_token_is_unknown(world: World) -> None:
    key_id, _ = world.session(SessionKind.ROLE, world.deploy)

    assert world.look_up(key_id) is None


def test_an_inactive_key_is_unknown_at_once(world: World) -> None:
    assert world.look_up(world.key.id)
    with world.store.write() as tx:
        keys.set_status(tx, world.key.id, "Inactive")
        tx.raise_generation(ACCOUNT, GENERATION)

    assert world.look_up(world.key.id) is None


def test_a_role_session_is_who_the_tables_say(world: World) -> None:
    """Source: facts, iam, section 7; session tags override those of the role, whatever their case."""
    key_id, token = world.session(
        SessionKind.ROLE, world.deploy, tags=(("team", "red"),), transitive=("team",), source_identity="ann"
    )
    found = good(world.look_up(key_id, token))

    assert found.session is None
    assert found.principal == Principal(
        kind=PrincipalKind.ROLE,
        arn="arn:aws:sts::123456789012:assumed-role/deploy/night",
        account=ACCOUNT,
        unique_id=world.deploy.id,
        user_id=f"{world.deploy.id}:night",
        name="deploy",
        entity_arn="arn:aws:iam::123456789012:role/ops/deploy",
        session_name="night",
        tags={"Level": "1", "team": "red"},
        transitive_tags=frozenset({"team"}),
        token_issued=NOW,
        mfa=False,
        source_identity="ann",
    )


def test_a_user_session_keeps_the_users_identity(world: World) -> None:
    key_id, token = world.session(SessionKind.USER, world.ann, name="")
    found = good(world.look_up(key_id, token)).principal

    assert (PrincipalKind.USER, world.ann.arn, "ann") == (found.kind, found.arn, found.name)
    assert (NOW, False) == (found.token_issued, found.mfa)


def test_a_federated_user_is_limited_even_without_a_session_policy(world: World) -> None:
    key_id, token = world.session(SessionKind.FEDERATED, world.ann)
    found = good(world.look_up(key_id, token))

    assert "arn:aws:sts::123456789012:federated-user/night" == found.principal.arn
    assert "123456789012:night" == found.principal.user_id
    assert found.session is not None
    assert [("sts:GetCallerIdentity",)] == [
        statement.actions for document in found.session for statement in document.statements
    ]


def test_session_policies_limit_a_session(world: World) -> None:
    key_id, token = world.session(
        SessionKind.ROLE,
        world.deploy,
        policies=(ALLOW,),
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::123456789012:policy/gone"),
    )
    limits = good(world.look_up(key_id, token)).session

    assert limits is not None
    assert ["session policy", "arn:aws:iam::aws:policy/ReadOnlyAccess", "no session policy"] == [
        document.label for document in limits
    ]


@pytest.mark.parametrize("kind", [SessionKind.USER, SessionKind.FEDERATED])
def test_a_users_session_ends_with_the_key_that_asked_for_it(world: World, kind: SessionKind) -> None:
    key_id, token = world.session(kind, world.ann)
    assert world.look_up(key_id, token)
    with world.store.write() as tx:
        keys.remove(tx, world.key.id)
        tx.raise_generation(ACCOUNT, GENERATION)

    assert world.look_up(key_id, token) is None


def test_a_role_session_outlives_the_key_but_not_the_role(world: World) -> None:
    key_id, token = world.session(SessionKind.ROLE, world.deploy, issuing_key="")
    with world.store.write() as tx:
        keys.remove(tx, world.key.id)
        tx.raise_generation(ACCOUNT, GENERATION)
    assert world.look_up(key_id, token)
    with world.store.write() as tx:
        tags.remove_all(tx, world.deploy.id)
        roles.remove(tx, world.deploy)
        tx.raise_generation(ACCOUNT, GENERATION)

    assert world.look_up(key_id, token) is None


def test_a_session_that_is_over_is_told_so(world: World) -> None:
    key_id, token = world.session(SessionKind.ROLE, world.deploy)
    assert world.look_up(key_id, token, timedelta(minutes=59, seconds=59))

    with pytest.raises(Refusal) as refused:
        world.look_up(key_id, token, timedelta(hours=1))
    assert Kind.EXPIRED_TOKEN is refused.value.kind


def test_the_token_of_another_session_is_unknown(world: World) -> None:
    key_id, _ = world.session(SessionKind.ROLE, world.deploy)
    _, other = world.session(SessionKind.ROLE, world.deploy)

    assert world.look_up(key_id, other) is None


def test_a_token_for_another_account_than_the_key_id_names_is_unknown(world: World) -> None:
    key_id, token = world.session(SessionKind.ROLE, world.deploy, account="210987654321")

    assert world.look_up(key_id, token) is None


def test_policies_are_the_users_own_and_those_of_groups(world: World) -> None:
    with world.store.write() as tx:
        holdings.put_inline(tx, world.ann.id, "mine", ALLOW)
        holdings.put_inline(tx, world.team.id, "ours", ALLOW)
        holdings.attach(tx, world.team, "arn:aws:iam::aws:policy/IAMFullAccess")
        entities.set_boundary(tx, world.ann, "arn:aws:iam::aws:policy/PowerUserAccess")
        tx.raise_generation(ACCOUNT, GENERATION)
    with world.store.read() as tx:
        found = PRINCIPALS.policies(tx, good(PRINCIPALS.credential(tx, world.key.id, None, NOW)).principal)

    assert {"inline:mine", "inline:ours", "arn:aws:iam::aws:policy/IAMFullAccess"} == {
        document.label for document in found.documents
    }
    assert found.boundary is not None
    assert "arn:aws:iam::aws:policy/PowerUserAccess" == found.boundary.label


def test_a_boundary_that_is_gone_still_bounds(world: World) -> None:
    with world.store.write() as tx:
        entities.set_boundary(tx, world.ann, "arn:aws:iam::123456789012:policy/gone")
        tx.raise_generation(ACCOUNT, GENERATION)
    with world.store.read() as tx:
        found = PRINCIPALS.policies(tx, good(PRINCIPALS.credential(tx, world.key.id, None, NOW)).principal)

    assert found.boundary is not None
    assert "no session policy" == found.boundary.label


def test_who_is_gone_has_no_policies(world: World) -> None:
    stranger = Principal(PrincipalKind.USER, arn="", account=ACCOUNT, unique_id="AIDAAAAAAAAAAAAAAAAAA")
    with world.store.read() as tx:
        found = PRINCIPALS.policies(tx, stranger)

    assert ((), None) == (found.documents, found.boundary)


def test_a_role_is_known_by_its_exact_arn_only(world: World) -> None:
    with world.store.read() as tx:
        found = PRINCIPALS.role(tx, "arn:aws:iam::123456789012:role/ops/deploy")
        others = [
            PRINCIPALS.role(tx, arn)
            for arn in (
                "arn:aws:iam::123456789012:role/deploy",
                "arn:aws:iam::123456789012:role/ops/Deploy",
                "arn:aws:iam::210987654321:role/ops/deploy",
                "arn:aws:iam::123456789012:user/ops/deploy",
            )
        ]

    assert [None] * 4 == others
    assert found is not None
    assert (world.deploy.id, timedelta(hours=1)) == (found.unique_id, found.max_session)
    assert world.ann.id in found.trust.text


def test_a_use_is_noted_and_can_be_read_back(world: World) -> None:
    found = good(world.look_up(world.key.id))
    with world.store.write() as tx:
        for region in ("eu-west-1", "us-east-1"):
            PRINCIPALS.used(tx, found, service="kms", region=region, now=NOW)
    with world.store.read() as tx:
        assert keys.Use(NOW, "kms", "us-east-1") == keys.use_of(tx, world.key.id)
