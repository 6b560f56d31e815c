"""Every statement of the ``iam`` room's store, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from strongroom.base.clock import from_ms
from strongroom.base.entropy import SystemEntropy
from strongroom.kernel.storage.batch import BatchStore
from strongroom.services.iam.rules.names import GROUP, POLICY, ROLE, USER, Entity, EntityName, Kind, mint_id
from strongroom.services.iam.store import entities, holdings, keys, members, policies, roles, tags

ACCOUNT = "123456789012"
NOW = from_ms(1_700_000_000_123)
ENTROPY = SystemEntropy()


def entity(kind: Kind, name: str, path: str = "/", boundary: str | None = None) -> Entity:
    """A new entity, not stored."""
    return Entity(mint_id(kind, ENTROPY), ACCOUNT, kind, name, path, NOW, boundary)


def names(found: list[Entity]) -> list[str]:
    """The names of what was found."""
    return [one.name for one in found]


def test_an_entity_is_found_by_name_whatever_its_case_and_by_id(store: BatchStore) -> None:
    ann = entity(USER, "Ann", "/x/", "arn:aws:iam::aws:policy/P")
    with store.write() as tx:
        entities.add(tx, ann)
        entities.add(tx, entity(ROLE, "Ann"))
    with store.read() as tx:
        assert ann == entities.find(tx, ACCOUNT, USER, "aNN") == entities.by_id(tx, ann.id)
        assert entities.find(tx, "210987654321", USER, "Ann") is None
        assert 1 == entities.count(tx, ACCOUNT, USER)
        assert [ann] == entities.bounded(tx, ACCOUNT, "arn:aws:iam::aws:policy/P")
        assert 1 == entities.count_bounded(tx, ACCOUNT, "arn:aws:iam::aws:policy/P")


def test_pages_go_by_name_in_one_order_for_all(store: BatchStore) -> None:
    """The order of characters, not of a language: else markers would skip."""
    with store.write() as tx:
        for name in ("b", "A", "_c", "a-b", "a.b", "Z", "@x"):
            entities.add(tx, entity(USER, name, "/x/y/" if name != "Z" else "/x_y/"))
    with store.read() as tx:
        wanted = ["@x", "_c", "A", "a-b", "a.b", "b"]
        paged: list[str] = []
        while found := entities.page(tx, ACCOUNT, USER, prefix="/x/", after=paged[-1].lower() if paged else "", most=2):
            paged += names(found)

        assert wanted == paged
        assert ["Z"] == names(entities.page(tx, ACCOUNT, USER, prefix="/x_", after="", most=9))


def test_what_changes_on_an_entity_is_read_back(store: BatchStore) -> None:
    ann = entity(USER, "ann")
    with store.write() as tx:
        entities.add(tx, ann)
        entities.rename(tx, ann, "Bob", "/new/")
        entities.set_boundary(tx, ann, "arn")
        entities.set_description(tx, ann, "d")
    with store.read() as tx:
        changed = replace(ann, name="Bob", path="/new/", boundary="arn", description="d")
        assert changed == entities.find(tx, ACCOUNT, USER, "bob")
    with store.write() as tx:
        entities.remove(tx, ann)
        assert entities.by_id(tx, ann.id) is None


def test_keys_and_their_last_use(store: BatchStore) -> None:
    ann = entity(USER, "ann")
    key = keys.AccessKey("AKIAX", ACCOUNT, ann.id, "Active", NOW, b"\x00sealed\xff")
    with store.write() as tx:
        entities.add(tx, ann)
        keys.add(tx, key)
        keys.set_status(tx, key.id, "Inactive")
        for region in ("a", "b"):
            keys.note_use(tx, key.id, keys.Use(NOW, "kms", region))
    with store.read() as tx:
        assert [replace(key, status="Inactive")] == keys.of_user(tx, ann.id)
        assert keys.Use(NOW, "kms", "b") == keys.use_of(tx, key.id)
    with store.write() as tx:
        keys.remove(tx, key.id)
        assert (None, None) == (keys.find(tx, key.id), keys.use_of(tx, key.id))


def test_groups_and_what_they_hold(store: BatchStore) -> None:
    ann, team = entity(USER, "ann"), entity(GROUP, "team")
    with store.write() as tx:
        for one in (ann, team):
            entities.add(tx, one)
        members.add(tx, team.id, ann.id)
        members.add(tx, team.id, ann.id)
        for holder in (ann, team):
            holdings.put_inline(tx, holder.id, "p", "old")
            holdings.put_inline(tx, holder.id, "p", f"of {holder.name}")
            holdings.attach(tx, holder, "arn:aws:iam::aws:policy/P")
        holdings.attach(tx, team, "arn:aws:iam::aws:policy/Q")
    with store.read() as tx:
        assert (["team"], ["ann"], 1) == (
            names(members.groups_of(tx, ann.id)),
            names(members.users_in(tx, team.id)),
            members.count_groups(tx, ann.id),
        )
        assert {"of ann", "of team"} == {document for _, _, document in holdings.inline_with_groups(tx, ann.id)}
        assert {"p": "of ann"} == holdings.inline_of(tx, ann.id)
        assert ["arn:aws:iam::aws:policy/P"] == holdings.attached_to(tx, ann.id)
        assert ["arn:aws:iam::aws:policy/P", "arn:aws:iam::aws:policy/Q"] == holdings.attached_with_groups(tx, ann.id)
        assert 2 == holdings.count_attached(tx, ACCOUNT, "arn:aws:iam::aws:policy/P")
        assert ["team", "ann"] == names(holdings.holders_of(tx, ACCOUNT, "arn:aws:iam::aws:policy/P"))
    with store.write() as tx:
        assert [1, 0] == [holdings.remove_inline(tx, ann.id, "p") for _ in range(2)]
        assert [1, 0] == [holdings.detach(tx, ann.id, "arn:aws:iam::aws:policy/P") for _ in range(2)]
        assert [1, 0] == [members.remove(tx, team.id, ann.id) for _ in range(2)]
        assert [] == holdings.inline_with_groups(tx, ann.id)


def test_tags_are_replaced_whatever_their_case(store: BatchStore) -> None:
    ann = entity(USER, "ann")
    with store.write() as tx:
        entities.add(tx, ann)
        tags.put(tx, ann.id, {"Team": "blue", "a": ""})
        tags.put(tx, ann.id, {"team": "red"})
        assert {"a": "", "team": "red"} == tags.of(tx, ann.id)
        tags.remove(tx, ann.id, ["A", "none"])
        assert {"team": "red"} == tags.of(tx, ann.id)
        tags.remove_all(tx, ann.id)
        assert {} == tags.of(tx, ann.id)


def test_roles_keep_their_trust(store: BatchStore) -> None:
    deploy, trust = entity(ROLE, "deploy"), roles.Trust("{}", timedelta(hours=1))
    with store.write() as tx:
        roles.add(tx, deploy, trust)
        assert trust == roles.trust_of(tx, deploy.id)
        longer = replace(trust, kept="[]", max_session=timedelta(hours=2))
        roles.save(tx, deploy.id, longer)
        assert longer == roles.trust_of(tx, deploy.id)
        roles.remove(tx, deploy)
        with pytest.raises(LookupError):
            roles.trust_of(tx, deploy.id)


def test_policies_and_their_versions(store: BatchStore) -> None:
    one = policies.Policy(entity(POLICY, "Pol", "/x/"), NOW, 1, 1)
    named = EntityName(ACCOUNT, POLICY, "/x/", "Pol")
    with store.write() as tx:
        policies.add(tx, one, "first")
        policies.add_version(tx, one.entity.id, policies.Version(2, "second", NOW))
        newer = replace(one, default_version=2, last_version=2, updated=NOW + timedelta(seconds=1))
        policies.save(tx, newer)
    with store.read() as tx:
        assert newer == policies.find(tx, ACCOUNT, "POL")
        assert [newer] == policies.page(tx, ACCOUNT, prefix="/x/", after="", most=5)
        assert [] == policies.page(tx, ACCOUNT, prefix="/y/", after="", most=5)
        assert "second" == policies.default_document(tx, named)
        both = [named, replace(named, name="gone")]
        assert {("/x/", "Pol"): "second"} == policies.default_documents(tx, both)
        assert {} == policies.default_documents(tx, [])
        assert policies.default_document(tx, replace(named, name="pol")) is None
        assert policies.default_document(tx, replace(named, path="/")) is None
        assert [2, 1] == [version.number for version in policies.versions_of(tx, one.entity.id)]
    with store.write() as tx:
        policies.remove_version(tx, one.entity.id, 1)
        policies.remove(tx, newer)
        assert policies.find(tx, ACCOUNT, "Pol") is None
