"""The rows of KMS live the same life on both engines."""

from __future__ import annotations

from datetime import timedelta

from strongroom.kernel.registry import Job
from strongroom.kernel.storage.batch import BatchStore
from strongroom.services.kms import store as rows
from strongroom.services.kms.jobs import delete_key, rotate_key
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
        pks = {key_id: found.pk for key_id in (one, two) if (found := rows.key_row(tx, ACCOUNT, REGION, key_id))}
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


def test_grants_are_found_by_whom_they_name_and_go_with_their_key(store: BatchStore) -> None:
    with store.write() as tx:
        key_id = run(tx, "CreateKey")["KeyMetadata"]["KeyId"]
        row = rows.key_row(tx, ACCOUNT, REGION, key_id)
        assert row is not None
        for number, grantee in enumerate(("AWS 111122223333", "AWS arn:aws:iam::111122223333:user/ann", "Service x")):
            rows.add_grant(
                tx,
                ACCOUNT,
                rows.GrantRow(f"{number}" * 64, row.pk, 1, "app", grantee, "AWS r", ACCOUNT, "Encrypt", "{}"),
            )
    with store.read() as tx:
        found = rows.grants_to(tx, row.pk, ["AWS 111122223333", "AWS arn:aws:iam::111122223333:user/ann"])
        assert ["0" * 64, "1" * 64] == [one.grant_id for one in found]
        assert [] == rows.grants_to(tx, row.pk, ["AWS arn:aws:iam::111122223333:user/an_"])
        assert [found[0]] == rows.grant_by_name(tx, row.pk, "AWS 111122223333", "app")
        assert (3, 1) == (rows.count_grants(tx, row.pk), rows.count_grants_to(tx, row.pk, "Service x"))
        listed = rows.grants_of_key(tx, row.pk, grantee=None, after="0" * 64, limit=1)
        assert ["1" * 64] == [one.grant_id for one in listed]
        retirable = rows.retirable_grants(tx, REGION, "AWS r", after="", limit=10)
        assert [(ACCOUNT, key_id)] * 3 == [(account, of_key) for _, account, of_key in retirable]
    with store.write() as tx:
        rows.drop_grant(tx, ACCOUNT, "2" * 64)
        assert 2 == rows.count_grants(tx, row.pk)
        rows.drop_key(tx, ACCOUNT, row.pk)
        assert 0 == rows.count_grants(tx, row.pk)


def test_material_is_rotated_let_go_and_taken_again(store: BatchStore) -> None:
    with store.write() as tx:
        key_id = run(tx, "CreateKey")["KeyMetadata"]["KeyId"]
        blob = run(tx, "Encrypt", KeyId=key_id, Plaintext=b"message")["CiphertextBlob"]
        run(tx, "RotateKeyOnDemand", KeyId=key_id)
        run(tx, "EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=90)
        row = rows.key_row(tx, ACCOUNT, REGION, key_id)
        assert row is not None
    assert (90, 1) == (row.rotation_days, row.on_demand)
    due = Run(timedelta(days=90))
    with store.write() as tx:
        rotate_key(Job("kms:rotate-key", str(row.pk), 1), Run(timedelta(days=89)), tx)
        rotate_key(Job("kms:rotate-key", str(row.pk), 1), due, tx)
        rotate_key(Job("kms:rotate-key", str(row.pk), 1), due, tx)  # a job that runs twice rotates once
    assert ["RotateKey"] == [event["name"] for event in due.recorded]
    with store.read() as tx:
        listed = rows.material_rows(tx, row.pk)
        assert ["NON_CURRENT", "NON_CURRENT", "CURRENT"] == [one.state for one in listed]
        assert [None, "ON_DEMAND", "AUTOMATIC"] == [one.rotation for one in listed]
        assert [0, 1, 2] == [one.place for one in listed]
        assert b"message" == run(tx, "Decrypt", CiphertextBlob=blob)["Plaintext"]
        assert due.recorded[0]["details"]["currentKeyMaterialId"] == listed[2].material_id


def test_related_keys_are_found_in_all_regions(store: BatchStore) -> None:
    with store.write() as tx:
        key_id = run(tx, "CreateKey", MultiRegion=True)["KeyMetadata"]["KeyId"]
        row = rows.key_row(tx, ACCOUNT, REGION, key_id)
        assert row is not None
        rows.add_key(tx, row._replace(region="eu-west-1", multi_region="REPLICA"))
        found = rows.related_keys(tx, ACCOUNT, key_id)
    assert [("eu-west-1", "REPLICA"), (REGION, "PRIMARY")] == [(one.region, one.multi_region) for one in found]
