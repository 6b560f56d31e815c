"""The rows of KMS live the same life on both engines."""

from __future__ import annotations

from strongroom.kernel.registry import Job
from strongroom.kernel.storage.batch import BatchStore
from strongroom.services.kms import store as rows
from strongroom.services.kms.jobs import delete_key
from tests.unit.services.kms.kernel import ACCOUNT, NOW, REGION, run
from tests.unit.services.kms.test_keys import Run

SECRETS_MANAGER = "secretsmanager.amazonaws.com"


def test_a_key_is_made_named_tagged_used_and_deleted(store: BatchStore) -> None:
    with store.write() as tx:
        key_id = run(tx, "CreateKey", Description="mine")["KeyMetadata"]["KeyId"]
        run(tx, "TagResource", KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": "1"}])
        row = rows.key_row(tx, ACCOUNT, REGION, key_id)
        assert row is not None
        rows.add_alias(tx, ACCOUNT, REGION, "alias/app", key_pk=row.pk, now_ms=1)
    with store.read() as tx:
        blob = run(tx, "Encrypt", KeyId="alias/app", Plaintext=b"message")["CiphertextBlob"]
        assert b"message" == run(tx, "Decrypt", CiphertextBlob=blob)["Plaintext"]
        assert [{"TagKey": "a", "TagValue": "1"}] == run(tx, "ListResourceTags", KeyId=key_id)["Tags"]
        (listed,) = run(tx, "ListAliases", KeyId=key_id)["Aliases"]
        assert ("alias/app", key_id) == (listed["AliasName"], listed["TargetKeyId"])
    with store.write() as tx:
        run(tx, "ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)
        moment = run(tx, "DescribeKey", KeyId=key_id)["KeyMetadata"]["DeletionDate"]
    done = Run(moment - NOW)
    with store.write() as tx:
        delete_key(Job("kms:delete-key", str(row.pk), 1), done, tx)
    assert ["DeleteKey"] == [event["name"] for event in done.recorded]
    with store.read() as tx:
        assert rows.key_row(tx, ACCOUNT, REGION, key_id) is None
        assert [] == rows.materials(tx, row.pk)


def test_an_alias_is_moved_and_dropped(store: BatchStore) -> None:
    with store.write() as tx:
        one, two = (run(tx, "CreateKey")["KeyMetadata"]["KeyId"] for _ in range(2))
        pks = {
            key_id: found.pk for key_id in (one, two) if (found := rows.key_row(tx, ACCOUNT, REGION, key_id))
        }
        rows.add_alias(tx, ACCOUNT, REGION, "alias/app", key_pk=pks[one], now_ms=1)
    with store.write() as tx:
        rows.point_alias(tx, ACCOUNT, REGION, "alias/app", key_pk=pks[two], now_ms=2)
        assert two == rows.alias_target(tx, ACCOUNT, REGION, "alias/app")
        rows.drop_alias(tx, ACCOUNT, REGION, "alias/app")
        assert rows.alias_target(tx, ACCOUNT, REGION, "alias/app") is None


def test_lists_are_in_byte_order_and_pages_join(store: BatchStore) -> None:
    names = ["alias/A", "alias/B", "alias/_", "alias/a", "alias/aws/secretsmanager", "alias/b"]
    with store.write() as tx:
        run(tx, "GenerateDataKey", KeyId=names[4], KeySpec="AES_256", invoked_by=SECRETS_MANAGER)
        for name in names[:4] + names[5:]:
            rows.add_alias(tx, ACCOUNT, REGION, name, key_pk=1, now_ms=1)
    seen: list[str] = []
    with store.read() as tx:
        page = run(tx, "ListAliases", Limit=2)
        while page["Truncated"]:
            seen += [alias["AliasName"] for alias in page["Aliases"]]
            page = run(tx, "ListAliases", Limit=2, Marker=page["NextMarker"])
        seen += [alias["AliasName"] for alias in page["Aliases"]]
    assert names == seen
