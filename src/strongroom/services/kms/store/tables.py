"""The tables. Every sealed column is opened only as what it was sealed for (services/kms/keys.py, ``bound``)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from strongroom.kernel.storage.schema import METADATA

GENERATION = "kms"
"""The kind of generation that every change to a key raises, in the key's own account."""
GRANTS = "kms-grant"
"""The kind that every change to the grants of an account's keys raises; keys stay cached meanwhile."""

key = Table(
    "kms_key",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("deletion_ms", BigInteger),  # when it may be deleted; null unless it is pending
    Column("spec", Text, nullable=False),
    Column("usage", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("manager", Text, nullable=False),  # CUSTOMER or AWS
    Column("policy", Text, nullable=False),
    Column("material_id", Text),  # of symmetric keys: the one that encrypts; null while there is none
    Column("multi_region", Text),  # PRIMARY or REPLICA; null for a key of one Region
    Column("window_days", Integer),  # of a primary whose deletion waits for its replicas'
    Column("rotation_days", Integer),  # null while automatic rotation is off
    Column("rotation_ms", BigInteger),  # when the material is rotated next; null while it is off
    Column("on_demand", Integer, nullable=False),  # how many rotations were asked for
    UniqueConstraint("account", "region", "key_id", name="kms_key_id"),
    sqlite_autoincrement=True,  # jobs name keys by pk, so none may come twice
)
material = Table(
    "kms_material",
    METADATA,
    Column("key_pk", Integer, ForeignKey("kms_key.pk"), primary_key=True, autoincrement=False),
    Column("material_id", Text, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the material, or, where it is not held, its digest
    Column("place", Integer, nullable=False),  # counts the materials of a key from 0
    Column("state", Text, nullable=False),  # CURRENT, NON_CURRENT or PENDING_ROTATION
    Column("held", Integer, nullable=False),  # 0 once imported material was deleted or has expired
    Column("rotated_ms", BigInteger),  # when it became current; null for a key's first
    Column("rotation", Text),  # AUTOMATIC or ON_DEMAND
    Column("valid_to_ms", BigInteger),  # when imported material expires; null for never
    Column("description", Text),  # what the importer wrote
)
alias = Table(
    "kms_alias",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key_pk", Integer, ForeignKey("kms_key.pk"), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)
tag = Table(
    "kms_tag",
    METADATA,
    Column("key_pk", Integer, ForeignKey("kms_key.pk"), primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
grant = Table(
    "kms_grant",
    METADATA,
    Column("grant_id", Text, primary_key=True),
    Column("key_pk", Integer, ForeignKey("kms_key.pk"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("name", Text),
    Column("grantee", Text, nullable=False),  # "AWS <ARN>", "AWS <account id>" or "Service <name>"
    Column("retiring", Text),  # likewise
    Column("issuer", Text, nullable=False),  # the account whose principal made it
    Column("operations", Text, nullable=False),  # in the order given, a comma between
    Column("constraints", Text, nullable=False),  # GrantConstraints as JSON; {} for none
    Index("kms_grant_to", "key_pk", "grantee"),
    Index("kms_grant_retiring", "retiring"),
)
