"""The tables of the room. Code and environments come here sealed."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text, UniqueConstraint

from strongroom.base.names import PARTITION
from strongroom.kernel.storage.schema import METADATA

function = Table(
    "functions_function",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("last_version", Integer, nullable=False),  # the number last published; never given twice
    Column("reserved", Integer),  # reserved concurrent executions; null where none are
    Column("tags", Text, nullable=False),
    UniqueConstraint("account", "region", "name", name="functions_function_name"),
    sqlite_autoincrement=True,
)
version = Table(
    "functions_version",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("function_pk", Integer, ForeignKey("functions_function.pk"), nullable=False),
    Column("number", Integer, nullable=False),  # 0 is $LATEST
    Column("revision", Text, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("config", Text, nullable=False),
    Column("environment", LargeBinary),
    Column("code_pk", Integer, nullable=False),
    Column("code_sha256", Text, nullable=False),
    Column("code_size", BigInteger, nullable=False),
    UniqueConstraint("function_pk", "number", name="functions_version_number"),
    sqlite_autoincrement=True,
)
code = Table(
    "functions_code",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
alias = Table(
    "functions_alias",
    METADATA,
    Column("function_pk", Integer, ForeignKey("functions_function.pk"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("revision", Text, nullable=False),
)
policy = Table(
    "functions_policy",
    METADATA,
    Column("function_pk", Integer, ForeignKey("functions_function.pk"), primary_key=True),
    Column("qualifier", Text, primary_key=True),  # "" for the function itself
    Column("text", Text, nullable=False),
    Column("revision", Text, nullable=False),
)
layer = Table(
    "functions_layer",
    METADATA,
    Column("pk", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("config", Text, nullable=False),
    Column("code_pk", Integer, nullable=False),
    Column("code_sha256", Text, nullable=False),
    Column("code_size", BigInteger, nullable=False),
    UniqueConstraint("account", "region", "name", "number", name="functions_layer_number"),
    sqlite_autoincrement=True,
)
event = Table(
    "functions_event",
    METADATA,
    # An invocation that nobody waits for, kept until it has succeeded or been tried often enough.
    Column("id", Text, primary_key=True),
    Column("function_pk", Integer, nullable=False, index=True),
    Column("version_pk", Integer, nullable=False),
    Column("function_arn", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)


class Function(NamedTuple):
    """One function, whatever its versions."""

    pk: int
    account: str
    region: str
    name: str
    last_version: int
    reserved: int | None
    tags: str

    @property
    def arn(self) -> str:
        """The unqualified ARN."""
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def tag_map(self) -> dict[str, str]:
        """The tags."""
        return dict(orjson.loads(self.tags))


class Version(NamedTuple):
    """One version. ``environment`` is ciphertext, which this module cannot open."""

    pk: int
    function_pk: int
    number: int
    revision: str
    changed_ms: int
    config: str
    environment: bytes | None
    code_pk: int
    code_sha256: str
    code_size: int

    @property
    def label(self) -> str:
        """As AWS names it."""
        return str(self.number) if self.number else "$LATEST"

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration by AWS's member names, without the environment."""
        return dict(orjson.loads(self.config))


class Alias(NamedTuple):
    """A name for a version."""

    function_pk: int
    name: str
    number: int
    description: str
    revision: str


class Layer(NamedTuple):
    """One version of a layer."""

    pk: int
    account: str
    region: str
    name: str
    number: int
    created_ms: int
    config: str
    code_pk: int
    code_sha256: str
    code_size: int

    @property
    def arn(self) -> str:
        """The layer's ARN, without its version."""
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def version_arn(self) -> str:
        """The version's."""
        return f"{self.arn}:{self.number}"

    @property
    def settings(self) -> dict[str, Any]:
        """What was said of it, by AWS's member names."""
        return dict(orjson.loads(self.config))


class Queued(NamedTuple):
    """An invocation that nobody waits for. ``sealed``: its payload and client context."""

    id: str
    function_pk: int
    version_pk: int
    function_arn: str
    created_ms: int
    failures: int
    sealed: bytes
