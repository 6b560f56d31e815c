"""Secrets that are stored together are those that are stored one by one, on both engines."""

from __future__ import annotations

from strongroom.kernel.storage.batch import BatchStore
from strongroom.services.secretsmanager import store as rows
from strongroom.services.secretsmanager.rules.identifiers import SecretRef

ACCOUNT, REGION = "123456789012", "us-east-1"


def named(number: int) -> dict[str, object]:
    """The columns of one."""
    return {
        "account": ACCOUNT,
        "region": REGION,
        "name": f"app/{number:03}",
        "suffix": "aaaaaa",
        "created_ms": 7,
        "changed_ms": 7,
        "tags": None,
        "description": None,
    }


def first(secret_pk: int, number: int) -> dict[str, object]:
    """The columns of its version."""
    return {
        "secret_pk": secret_pk,
        "version_id": f"v{number:035}",
        "created_ms": 7,
        "labels": '["AWSCURRENT"]',
        "form": "SecretString",
        "sealed": f"sealed {number}".encode(),
        "wrapped": f"wrapped {number}".encode(),
    }


def test_each_of_many_has_its_own_number_version_and_label(store: BatchStore) -> None:
    count = 300
    with store.write() as tx:
        numbers = rows.secrets.add_new(tx, ACCOUNT, REGION, [named(at) for at in reversed(range(count))])
        assert count == len(numbers) == len(set(numbers.values()))
        firsts = [first(numbers[f"app/{at:03}"], at) for at in range(count) if at % 3]
        rows.versions.add_first(tx, firsts, "AWSCURRENT")
        rows.words.add_new(tx, ACCOUNT, {pk: ("app", name[4:]) for name, pk in numbers.items()})
    with store.read() as tx:
        for at in range(count):
            found = rows.versions.find_value(
                tx, SecretRef(ACCOUNT, REGION, f"app/{at:03}"), stage="AWSCURRENT", version_id=None
            )
            assert found is not None
            one, version = found
            assert numbers[one.name] == one.pk
            assert (one.accessed_day, one.has_policy, one.created_ms) == (0, 0, 7)
            if at % 3:
                assert version is not None
                assert (f"sealed {at}".encode(), ["AWSCURRENT"], 0) == (
                    bytes(version.sealed or b""),
                    version.stages,
                    version.accessed_day,
                )
                assert {"AWSCURRENT": version.version_id} == rows.versions.labels_of(tx, one.pk)
            else:
                assert version is None
        assert {numbers["app/007"]} == rows.words.with_word(tx, ACCOUNT, "007", 9)
        assert rows.words.with_word(tx, ACCOUNT, "app", count - 1) is None


def test_none_at_all_is_stored_too(store: BatchStore) -> None:
    with store.write() as tx:
        rows.versions.add_first(tx, [], "AWSCURRENT")
        rows.words.add_new(tx, ACCOUNT, {})
        assert set() == rows.secrets.names_among(tx, ACCOUNT, REGION, ["app/000"])
