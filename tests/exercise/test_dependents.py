"""Which secrets lie under a key alone: the same on both engines."""

from __future__ import annotations

from strongroom.kernel.storage.batch import BatchStore
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import dependents
from strongroom.services.secretsmanager import store as rows
from strongroom.services.secretsmanager.rules.identifiers import secret_arn
from tests.unit.services.kms.kernel import ACCOUNT, REGION, run

OTHER = "444455556666"


def key(tx: Transaction) -> str:
    """A new key's ARN."""
    return str(run(tx, "CreateKey")["KeyMetadata"]["Arn"])


def wrapped(tx: Transaction, arn: str) -> bytes:
    """A data key under it."""
    return bytes(run(tx, "GenerateDataKey", KeyId=arn, KeySpec="AES_256")["CiphertextBlob"])


def secret(tx: Transaction, name: str, under: bytes | None, *, account: str = ACCOUNT, labelled: bool = True) -> str:
    """A secret with one version whose data key lies under a key."""
    made = rows.secrets.add_secret(
        tx, {"account": account, "region": REGION, "name": name, "suffix": "AbCdEf", "created_ms": 1, "changed_ms": 1}
    )
    version = {"secret_pk": made.pk, "version_id": "v", "created_ms": 1, "sealed": b"x", "wrapped": under}
    rows.versions.add_version(tx, version)
    if labelled:
        rows.versions.write_labels(tx, made.pk, {}, {"AWSCURRENT": "v"})
    return secret_arn(account, REGION, name, "AbCdEf")


def test_secrets_are_found_by_what_their_data_keys_lie_under(store: BatchStore) -> None:
    with store.write() as tx:
        arn, other = key(tx), key(tx)
        first, second = secret(tx, "b", wrapped(tx, arn)), secret(tx, "a", wrapped(tx, arn))
        secret(tx, "elsewhere", wrapped(tx, other))
        secret(tx, "reserved", None)
        secret(tx, "deprecated", wrapped(tx, arn), labelled=False)
        secret(tx, "theirs", wrapped(tx, arn), account=OTHER)
    with store.read() as tx:
        found = dependents.of_key(tx, ACCOUNT, arn, 10)
        assert ((second, first), 2, 1) == (found.arns, found.count, found.elsewhere)
        assert ((second,), 2) == (dependents.of_key(tx, ACCOUNT, arn, 1).arns, found.count)
        assert (1, 0) == (
            dependents.of_key(tx, ACCOUNT, other, 10).count,
            dependents.of_key(tx, OTHER, other, 10).count,
        )
        for nothing in (arn[:-1] + "_", "arn:aws:s3:::bucket", "nonsense"):
            assert 0 == dependents.of_key(tx, ACCOUNT, nothing, 10).count


def test_a_secret_that_an_earlier_key_opens_too_does_not_depend_on_the_later(store: BatchStore) -> None:
    with store.write() as tx:
        arn, later = key(tx), key(tx)
        secret(tx, "a", wrapped(tx, arn))
        made = rows.secrets.secret_by_pk(tx, 1)
        assert made is not None
        version = rows.versions.version_by_id(tx, made.pk, "v")
        assert version is not None
        rows.versions.add_wrapped(tx, version, kms_key_id=later, wrapped=wrapped(tx, later))
    with store.read() as tx:
        assert [0, 0] == [dependents.of_key(tx, ACCOUNT, one, 10).count for one in (arn, later)]
