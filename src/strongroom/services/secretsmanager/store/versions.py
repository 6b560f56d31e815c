"""Statements about versions: read with their secret in one row, written, labelled, wrapped again, removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import and_, bindparam, delete, func, insert, literal_column, or_, select, update

from strongroom.kernel.storage.port import Statement, Transaction
from strongroom.kernel.storage.upsert import Upsert
from strongroom.services.secretsmanager.rules.identifiers import SecretRef
from strongroom.services.secretsmanager.rules.labels import CURRENT, Labels, of_version
from strongroom.services.secretsmanager.store.secrets import NAMED, OF_SECRET, SECRET, change_secret
from strongroom.services.secretsmanager.store.tables import (
    Secret,
    Summary,
    Version,
    earlier_key,
    label,
    secret,
    version,
)

_each = version.alias("each")
_VERSION = [version.c[name] for name in Version._fields]
_SUMMARY = [version.c[name] for name in Summary._fields]
_WIDTH = len(SECRET)
_AT_LABEL = secret.outerjoin(
    label, and_(label.c.secret_pk == secret.c.pk, label.c.label == bindparam("wanted"))
).outerjoin(version, version.c.pk == label.c.version_pk)
_WITH_LABEL = Statement(
    select(*SECRET, *_VERSION).select_from(_AT_LABEL).where(NAMED),
    owner=0,
    passing=True,
)
_WITH_VERSION = Statement(
    select(*SECRET, *_VERSION)
    .select_from(
        secret.outerjoin(version, and_(version.c.secret_pk == secret.c.pk, version.c.version_id == bindparam("wanted")))
    )
    .where(NAMED),
    owner=0,
)
_IS_SPECIAL = or_(
    secret.c.deleted_ms.is_not(None),
    secret.c.primary_pk.is_not(None),
    secret.c.owning_service.is_not(None),
    secret.c.has_policy != literal_column("0"),
)
_OF_CURRENT = ("version_id", "created_ms", "accessed_day", "labels", "form", "sealed", "wrapped")
_CURRENT = Statement(
    select(secret.c.pk, secret.c.name, secret.c.suffix, _IS_SPECIAL, *(version.c[name] for name in _OF_CURRENT))
    .select_from(_AT_LABEL)
    .where(NAMED),
    owner=0,
    passing=True,
)
_INSERT_VERSION = Statement(
    insert(version).values({name: bindparam(f"v_{name}") for name in Version._fields if name != "pk"})
)
FIRST = ("secret_pk", "version_id", "created_ms", "labels", "form", "sealed", "wrapped")
_INSERT_FIRST = Statement(
    insert(version).values({**{name: bindparam(name) for name in FIRST}, "accessed_day": bindparam("zero")})
)
_VERSIONS_OF = Statement(
    select(version.c.secret_pk, version.c.pk).where(version.c.secret_pk.in_(bindparam("of_secrets", expanding=True)))
)
_NEW_LABEL = Statement(insert(label).values({name: bindparam(name) for name in label.c.keys()}))  # noqa: SIM118
_FILL_VERSION = Statement(
    update(version)
    .where(version.c.secret_pk == OF_SECRET, version.c.version_id == bindparam("at_version"))
    .values({name: bindparam(f"v_{name}") for name in ("form", "sealed", "wrapped", "kms_key_id")})
)
_VERSION_BY_ID = Statement(
    select(*_VERSION).where(version.c.secret_pk == OF_SECRET, version.c.version_id == bindparam("wanted"))
)
_SUMMARIES = Statement(
    select(*_SUMMARY).where(version.c.secret_pk == OF_SECRET).order_by(version.c.created_ms, version.c.pk)
)
_LABELS = Statement(
    select(label.c.label, version.c.version_id)
    .join_from(label, version, version.c.pk == label.c.version_pk)
    .where(label.c.secret_pk == OF_SECRET),
    owner="of_secret",
)
_LABELS_OF_MANY = Statement(
    select(label.c.secret_pk, label.c.label, version.c.version_id)
    .join_from(label, version, version.c.pk == label.c.version_pk)
    .where(label.c.secret_pk.in_(bindparam("of_secrets", expanding=True)))
)
_UNLABEL = Statement(delete(label).where(label.c.secret_pk == OF_SECRET, label.c.label == bindparam("at_label")))
# By the version's id: where it is added in the same breath, nobody needs to be told its number first.
_LABEL = Statement(
    Upsert(
        label,
        {
            "secret_pk": OF_SECRET,
            "label": bindparam("v_label"),
            "version_pk": select(version.c.pk)
            .where(version.c.secret_pk == OF_SECRET, version.c.version_id == bindparam("at_version"))
            .scalar_subquery(),
        },
        lambda new: {"version_pk": new.version_pk},
    )
)
_VERSION_LABELS = Statement(
    update(version)
    .where(version.c.secret_pk == OF_SECRET, version.c.version_id == bindparam("at_version"))
    .values(labels=bindparam("v_labels"))
)
_STANDING = Statement(
    select(
        select(func.count()).select_from(_each).where(_each.c.secret_pk == OF_SECRET).scalar_subquery(),
        select(_each.c.pk)
        .where(_each.c.secret_pk == OF_SECRET, _each.c.version_id == bindparam("wanted"))
        .scalar_subquery(),
        label.c.label,
        version.c.version_id,
    )
    .select_from(
        secret.outerjoin(label, label.c.secret_pk == secret.c.pk).outerjoin(version, version.c.pk == label.c.version_pk)
    )
    .where(secret.c.pk == OF_SECRET),
    owner="of_secret",
)
_VERSION_READ = Statement(
    update(version)
    .where(version.c.pk == bindparam("at_pk"), version.c.secret_pk == OF_SECRET)
    .values(accessed_day=bindparam("v_day"))
)
_REWRAP = Statement(
    update(version)
    .where(version.c.pk == bindparam("at_pk"), version.c.secret_pk == OF_SECRET)
    .values(wrapped=bindparam("v_wrapped"), kms_key_id=bindparam("v_kms_key_id"))
)
_KEEP_EARLIER = Statement(
    insert(earlier_key).values(
        {name: bindparam(f"v_{name}") for name in ("secret_pk", "version_pk", "kms_key_id", "wrapped")}
    )
)
_EARLIER = Statement(
    select(earlier_key.c.kms_key_id, earlier_key.c.wrapped)
    .where(earlier_key.c.version_pk == bindparam("at_pk"))
    .order_by(earlier_key.c.pk.desc())
)
_EARLIER_OF_SECRET = Statement(
    select(earlier_key.c.version_pk, earlier_key.c.kms_key_id)
    .where(earlier_key.c.secret_pk == OF_SECRET)
    .order_by(earlier_key.c.pk.desc())
)
_DROP_EARLIER = Statement(
    delete(earlier_key).where(earlier_key.c.version_pk == bindparam("at_pk"), earlier_key.c.secret_pk == OF_SECRET)
)
_DROP_VERSION = Statement(delete(version).where(version.c.pk == bindparam("at_pk"), version.c.secret_pk == OF_SECRET))


_new = tuple.__new__


def find_value(
    tx: Transaction, ref: SecretRef, *, stage: str | None, version_id: str | None
) -> tuple[Secret, Version | None] | None:
    """A secret and one of its versions, by id or else by label, in one joined read.

    None where there is no secret.
    """
    if version_id is not None:
        row = tx.row(_WITH_VERSION, account=ref.account, region=ref.region, name=ref.name, wanted=version_id)
    else:
        row = tx.row(_WITH_LABEL, account=ref.account, region=ref.region, name=ref.name, wanted=stage)
    if row is None or (ref.suffix is not None and row[4] != ref.suffix):
        return None
    # As _make, which asks once more how many there are.
    found = _new(Secret, row[:_WIDTH])
    return (found, None) if row[_WIDTH] is None else (found, _new(Version, row[_WIDTH:]))


class Current(NamedTuple):
    """What a plain read of a current value looks at: most of what a row costs are its columns.

    ``special``: that the secret is scheduled for deletion, a copy, owned by a service, or has a policy.
    All of the version is null where there is none.
    """

    pk: int
    name: str
    suffix: str
    special: int | bool
    version_id: str | None
    created_ms: int
    accessed_day: int
    labels: str
    form: str | None
    sealed: bytes | None
    wrapped: bytes | None


def find_current(tx: Transaction, ref: SecretRef) -> Current | None:
    """As ``find_value`` of the current version, with less of both."""
    row = tx.row(_CURRENT, account=ref.account, region=ref.region, name=ref.name, wanted=CURRENT)
    if row is None or (ref.suffix is not None and row[2] != ref.suffix):
        return None
    return _new(Current, row)


class Standing(NamedTuple):
    """What a value that is to be written meets, in one read.

    ``labels``: which version id each label is on; ``versions``: how many there are, deprecated ones too; ``named``:
    whether the version that was asked for is among them.
    """

    labels: dict[str, str]
    versions: int
    named: bool


def standing_of(tx: Transaction, secret_pk: int, version_id: str) -> Standing:
    """How the versions of a secret stand, and whether one of this id is among them."""
    rows = tx.rows(_STANDING, of_secret=secret_pk, wanted=version_id)
    if not rows:
        return Standing({}, 0, named=False)
    labels = {name: holder for _, _, name, holder in rows if name is not None}
    return Standing(labels, rows[0][0], named=rows[0][1] is not None)


def add_version(tx: Transaction, values: Mapping[str, Any], stages: Iterable[str] = ()) -> None:
    """Store a new version.

    ``stages`` are labels that ``write_labels`` is about to give it, so that its own list is right from the start.
    """
    value = values.get
    row = {
        "v_secret_pk": values["secret_pk"],
        "v_version_id": values["version_id"],
        "v_created_ms": values["created_ms"],
        "v_accessed_day": value("accessed_day", 0),
        "v_labels": _listed(tuple(stages)),
        "v_form": value("form"),
        "v_sealed": value("sealed"),
        "v_wrapped": value("wrapped"),
        "v_kms_key_id": value("kms_key_id"),
    }
    tx.many(_INSERT_VERSION, (row,))


def add_first(tx: Transaction, rows: Sequence[Mapping[str, Any]], stage: str) -> None:
    """Store the only versions of new secrets, with these columns (those of ``FIRST``), and the label that each has."""
    if not rows:
        return
    tx.many(_INSERT_FIRST, [{**row, "zero": 0} for row in rows])
    made = tx.rows(_VERSIONS_OF, of_secrets=[row["secret_pk"] for row in rows])
    # In the index's order, so that every node takes its locks in the same one.
    labels = [{"secret_pk": secret_pk, "label": stage, "version_pk": pk} for secret_pk, pk in sorted(made)]
    tx.many(_NEW_LABEL, labels)


def fill_version(tx: Transaction, secret_pk: int, version_id: str, values: Mapping[str, Any]) -> None:
    """Give a reserved version its value."""
    tx.run(
        _FILL_VERSION,
        of_secret=secret_pk,
        at_version=version_id,
        **{f"v_{name}": values[name] for name in ("form", "sealed", "wrapped", "kms_key_id")},
    )


def version_by_id(tx: Transaction, secret_pk: int, version_id: str) -> Version | None:
    """One version of a secret, with its ciphertext."""
    row = tx.row(_VERSION_BY_ID, of_secret=secret_pk, wanted=version_id)
    return None if row is None else Version._make(row)


def versions_of(tx: Transaction, secret_pk: int) -> list[Summary]:
    """Every version of a secret, oldest first, deprecated ones too."""
    return [Summary._make(row) for row in tx.rows(_SUMMARIES, of_secret=secret_pk)]


def labels_of(tx: Transaction, secret_pk: int) -> dict[str, str]:
    """Which version id each label of a secret is on."""
    return {str(name): str(version_id) for name, version_id in tx.rows(_LABELS, of_secret=secret_pk)}


def labels_of_many(tx: Transaction, secret_pks: Sequence[int]) -> dict[int, dict[str, str]]:
    """The same for many secrets at once."""
    found: dict[int, dict[str, str]] = {pk: {} for pk in secret_pks}
    if secret_pks:
        for pk, name, version_id in tx.rows(_LABELS_OF_MANY, of_secrets=list(secret_pks)):
            found[pk][name] = version_id
    return found


def write_labels(tx: Transaction, secret_pk: int, before: Labels, after: Labels, *, listed: str | None = None) -> None:
    """Store where labels are now, touching only those that moved and the versions they moved between.

    ``listed``: the version that was added with its labels in its own list.
    """
    moved = sorted([name for name in before.keys() | after.keys() if before.get(name) != after.get(name)])
    if not moved:
        return
    gone = [name for name in moved if name not in after]
    tx.many(_UNLABEL, [{"of_secret": secret_pk, "at_label": name} for name in gone])
    tx.many(
        _LABEL,
        [{"of_secret": secret_pk, "v_label": name, "at_version": after[name]} for name in moved if name in after],
    )
    touched = sorted({holder[name] for holder in (before, after) for name in moved if name in holder})
    tx.many(
        _VERSION_LABELS,
        [
            {"of_secret": secret_pk, "at_version": version_id, "v_labels": _listed(of_version(after, version_id))}
            for version_id in touched
            if version_id != listed
        ],
    )


@lru_cache(maxsize=512)
def _listed(stages: tuple[str, ...]) -> str:
    """A list of labels as it lies beside its version. Most versions have one of three."""
    return orjson.dumps(stages).decode()


def mark_read(tx: Transaction, secret_pk: int, version_pk: int, day_ms: int) -> None:
    """Set the last-accessed day of a secret and of the version that was read. Raises no generation."""
    tx.run(_VERSION_READ, at_pk=version_pk, of_secret=secret_pk, v_day=day_ms)
    change_secret(tx, secret_pk, accessed_day=day_ms)


def add_wrapped(tx: Transaction, one: Version, *, kms_key_id: str | None, wrapped: bytes) -> None:
    """Put a data key wrapped under the newly set KMS key in front, keeping the copy there was."""
    tx.run(
        _KEEP_EARLIER,
        v_secret_pk=one.secret_pk,
        v_version_pk=one.pk,
        v_kms_key_id=one.kms_key_id,
        v_wrapped=one.wrapped,
    )
    tx.run(_REWRAP, at_pk=one.pk, of_secret=one.secret_pk, v_wrapped=wrapped, v_kms_key_id=kms_key_id)


def earlier_wrapped(tx: Transaction, version_pk: int) -> list[tuple[str | None, bytes]]:
    """(key as given, wrapped data key) of the KMS keys set before, newest first."""
    return [(key_id, wrapped) for key_id, wrapped in tx.rows(_EARLIER, at_pk=version_pk)]


def earlier_key_ids(tx: Transaction, secret_pk: int) -> dict[int, list[str | None]]:
    """Under which earlier keys each version of a secret is wrapped too, newest first."""
    found: dict[int, list[str | None]] = {}
    for version_pk, key_id in tx.rows(_EARLIER_OF_SECRET, of_secret=secret_pk):
        found.setdefault(version_pk, []).append(key_id)
    return found


def remove_versions(tx: Transaction, secret_pk: int, version_pks: Iterable[int]) -> None:
    """Delete versions of a secret that carry no label, with every copy of their data keys."""
    for pk in version_pks:
        tx.run(_DROP_EARLIER, at_pk=pk, of_secret=secret_pk)
        tx.run(_DROP_VERSION, at_pk=pk, of_secret=secret_pk)
