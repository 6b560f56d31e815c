"""The vocabulary of a service model: services, operations, shapes and their members, never changed once made.

Compared and hashed by identity: two equal-looking shapes of two services are two shapes,
and whoever compiles something from a shape may keep it under the shape itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strongroom.base.classes import dataclass, field
from strongroom.base.values import identity_object

Protocol = Literal["json", "query", "rest-json", "rpc-cbor"]

LIMITED_BY_VALUE = frozenset({"integer", "long", "float", "double"})
"""Types whose ``min`` and ``max`` bound the value; those of all others bound the length."""


@identity_object
class Member:
    """One use of a shape: as a structure's member, a list's element, a map's key or value.

    ``wire_name`` is the name on the wire: the model's locationName, or ``name`` where it has none.
    ``location`` is None for the body, else uri, querystring, header, headers or statusCode.
    """

    name: str
    shape: Shape
    wire_name: str
    named: bool = False  # whether the model gives the wire name itself
    location: str | None = None
    required: bool = False
    idempotency_token: bool = False
    xml_attribute: bool = False


@identity_object
class Shape:
    """One type of a service model.

    ``type_name``: structure, list, map, string, integer, long, boolean, timestamp, blob, double, float.
    ``members`` of a structure; ``member`` of a list; ``key`` and ``value`` of a map.
    ``min`` and ``max`` bound the value of numbers, else the length in characters, bytes or entries.
    ``error_code`` and ``error_status`` belong to exceptions; ``fault`` marks the service's own failures.
    """

    service: str
    name: str
    type_name: str
    members: Mapping[str, Member] = field(default_factory=dict, repr=False)
    required: tuple[str, ...] = ()
    member: Member | None = field(default=None, repr=False)
    key: Member | None = field(default=None, repr=False)
    value: Member | None = field(default=None, repr=False)
    min: float | None = None
    max: float | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    document: bool = False
    flattened: bool = False
    streaming: bool = False
    event_stream: bool = False
    payload: str | None = None
    timestamp_format: str | None = None
    exception: bool = False
    fault: bool = False
    error_code: str | None = None
    error_status: int | None = None
    unbounded: bool = False  # whether its values may be nested without end (recursive or free documents)


@identity_object
class OperationModel:
    """One operation: what it takes, answers, may refuse with, and where it lies on the wire.

    ``uri`` is the template of rest-json (``/functions/{Name}``), ``/`` elsewhere.
    """

    service: str
    name: str
    input: Shape | None
    output: Shape | None
    errors: tuple[Shape, ...]
    method: str
    uri: str
    response_code: int
    result_wrapper: str | None


@dataclass(frozen=True, slots=True, eq=False)
class ServiceModel:
    """One service with all its operations and shapes. ``name`` is AWS's, as in endpoints.

    ``protocol`` is the one that its clients speak by themselves, ``protocols`` all that it is to be answered in.
    ``lines``: method and path of each operation. Operations and shapes are made when they are first asked for.
    ``query_codes``: that its errors go by the codes that they had in the query protocol, whatever the protocol.
    """

    name: str
    protocol: Protocol
    json_version: str | None
    target_prefix: str | None
    xml_namespace: str | None
    api_version: str
    signing_name: str
    global_endpoint: str | None
    operations: Mapping[str, OperationModel] = field(repr=False)
    shapes: Mapping[str, Shape] = field(repr=False)
    lines: Mapping[str, tuple[str, str]] = field(repr=False)
    protocols: tuple[Protocol, ...] = ()
    query_codes: bool = False
