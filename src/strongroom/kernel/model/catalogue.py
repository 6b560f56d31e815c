"""The catalogue: botocore's service models, read as data and compiled into our own shapes.

botocore itself is never imported (0.3 s, and it is a client); only its data directory is found and read.
"""

from __future__ import annotations

import gzip
import importlib.util
import threading
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import orjson

from strongroom.kernel.model.ondemand import OnDemand
from strongroom.kernel.model.shapes import Member, OperationModel, Protocol, ServiceModel, Shape

SERVICES: Final = ("secretsmanager", "kms", "iam", "sts", "lambda", "logs", "cloudtrail", "cloudwatch", "ssm")
"""The modelled services that rooms are or will be made for. Each costs nothing until it is asked for."""

_PROTOCOLS: Final[Mapping[str, Protocol]] = {
    "json": "json",
    "query": "query",
    "rest-json": "rest-json",
    "smithy-rpc-v2-cbor": "rpc-cbor",
}


class Catalogue:
    """The models of some services, each loaded when it is first asked for and kept.

    Raises KeyError for a service, operation or shape that is not there,
    FileNotFoundError where botocore's data is missing.
    """

    def __init__(self, services: Iterable[str], *, data: Path | None = None) -> None:
        self.services = tuple(services)
        self._data = data
        self._loaded: dict[str, ServiceModel] = {}
        self._loading = threading.Lock()

    def service(self, name: str) -> ServiceModel:
        """One service's model."""
        found = self._loaded.get(name)
        if found is not None:
            return found
        if name not in self.services:
            raise KeyError(name)
        with self._loading:  # two threads must not see two generations of the same shapes
            if name not in self._loaded:
                self._loaded[name] = compile_service(name, _read(self._data or data_directory(), name))
            return self._loaded[name]

    def add(self, name: str, raw: Mapping[str, Any]) -> None:
        """Take in the model of a service that is not AWS's, in botocore's form. ValueError if it is there."""
        with self._loading:
            if name in self.services or name in self._loaded:
                raise ValueError(f"the model of {name} is there already")
            self._loaded[name] = compile_service(name, raw)
            self.services = (*self.services, name)

    def operation(self, service: str, operation: str) -> OperationModel:
        """One operation's model."""
        return self.service(service).operations[operation]

    def shape(self, service: str, name: str) -> Shape:
        """One shape by its name in the model."""
        return self.service(service).shapes[name]

    def declared_errors(self, service: str, operation: str) -> frozenset[str]:
        """The names of the error shapes that the model lists for an operation."""
        return frozenset(error.name for error in self.operation(service, operation).errors)


def data_directory() -> Path:
    """Where botocore keeps its models."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("botocore is not installed, and Strongroom answers by its service models")
    return Path(spec.submodule_search_locations[0]) / "data"


def compile_service(name: str, raw: Mapping[str, Any]) -> ServiceModel:
    """A service model from the raw JSON of a ``service-2`` file."""
    metadata = raw["metadata"]
    if metadata["protocol"] not in _PROTOCOLS:
        raise ValueError(f"{name} speaks {metadata['protocol']}, which is none of {', '.join(_PROTOCOLS)}")
    others = (metadata["protocol"], *metadata.get("protocols", ()))
    compiler = _Compiler(name, raw)
    return ServiceModel(
        name=name,
        protocol=_PROTOCOLS[metadata["protocol"]],
        json_version=metadata.get("jsonVersion"),
        target_prefix=metadata.get("targetPrefix"),
        xml_namespace=metadata.get("xmlNamespace"),
        api_version=metadata["apiVersion"],
        signing_name=metadata.get("signingName", metadata["endpointPrefix"]),
        global_endpoint=metadata.get("globalEndpoint"),
        operations=OnDemand(raw["operations"], compiler.operations, compiler.operation),
        shapes=OnDemand(raw["shapes"], compiler.shapes, compiler.shape),
        lines={key: (one["http"]["method"], one["http"]["requestUri"]) for key, one in raw["operations"].items()},
        protocols=tuple(dict.fromkeys(_PROTOCOLS[one] for one in others if one in _PROTOCOLS)),
        query_codes="awsQueryCompatible" in metadata,
    )


def _read(data: Path, service: str) -> Mapping[str, Any]:
    """The raw model in the newest of a service's API version directories (they are named by date)."""
    newest = max(entry for entry in (data / service).iterdir() if (entry / "service-2.json.gz").exists())
    raw = cast("dict[str, Any]", orjson.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes())))
    for given in (*raw["operations"].values(), *raw["shapes"].values()):
        # What is not made yet is kept as it was read: without its texts for people, two thirds of it.
        given.pop("documentation", None)
        for ref in given.get("members", {}).values():
            ref.pop("documentation", None)
    return raw


class _Compiler:
    """Makes the shapes and operations of one service when they are asked for.

    Shapes may be recursive, so references are tied after creation: a shape is made together with all that it leads to,
    and nobody sees any of them before.
    """

    def __init__(self, service: str, raw: Mapping[str, Any]) -> None:
        self.shapes: dict[str, Shape] = {}
        self.operations: dict[str, OperationModel] = {}
        self._service = service
        self._raw: Mapping[str, Mapping[str, Any]] = raw["shapes"]
        self._endless: set[str] = set()
        self._operations: Mapping[str, Mapping[str, Any]] = raw["operations"]
        self._making = threading.RLock()  # two threads must not see two shapes of one name

    def shape(self, name: str) -> Shape:
        """One shape. Raises KeyError."""
        with self._making:
            if name not in self.shapes:
                self.shapes |= self._with_all_it_leads_to(name)
            return self.shapes[name]

    def operation(self, name: str) -> OperationModel:
        """One operation. Raises KeyError."""
        with self._making:
            if name not in self.operations:
                self.operations[name] = self._operation(name, self._operations[name])
            return self.operations[name]

    def _operation(self, name: str, given: Mapping[str, Any]) -> OperationModel:
        return OperationModel(
            service=self._service,
            name=name,
            input=self.shape(given["input"]["shape"]) if "input" in given else None,
            output=self.shape(given["output"]["shape"]) if "output" in given else None,
            errors=tuple(self.shape(error["shape"]) for error in given.get("errors", ())),
            method=given["http"]["method"],
            uri=given["http"]["requestUri"],
            response_code=given["http"].get("responseCode", 200),
            result_wrapper=given.get("output", {}).get("resultWrapper"),
        )

    def _with_all_it_leads_to(self, name: str) -> dict[str, Shape]:
        led = {name: self._raw[name]}
        new = [name]
        while new:
            found = dict.fromkeys(end for one in new for end in _references(self._raw[one]))
            new = [end for end in found if end not in led and end not in self.shapes]
            led |= {end: self._raw[end] for end in new}
        self._endless |= _endless(led, self._endless)
        made = {one: _bare(self._service, one, given, unbounded=one in self._endless) for one, given in led.items()}
        there = ChainMap(made, self.shapes)
        for one, given in led.items():
            self._tie(made[one], given, there)
        return made

    @staticmethod
    def _tie(shape: Shape, given: Mapping[str, Any], made: Mapping[str, Shape]) -> None:
        # The only place where a shape changes after it was made; nobody has seen it yet.
        if "members" in given:
            members = {name: _member(name, ref, shape.required, made) for name, ref in given["members"].items()}
            object.__setattr__(shape, "members", members)
        for part in ("member", "key", "value"):
            if part in given:
                object.__setattr__(shape, part, _member(part, given[part], (), made))


def _member(name: str, ref: Mapping[str, Any], required: tuple[str, ...], made: Mapping[str, Shape]) -> Member:
    return Member(
        name=name,
        shape=made[ref["shape"]],
        wire_name=ref.get("locationName", name),
        named="locationName" in ref,
        location=ref.get("location"),
        required=name in required,
        idempotency_token=ref.get("idempotencyToken", False),
        xml_attribute=ref.get("xmlAttribute", False),
    )


def _bare(service: str, name: str, given: Mapping[str, Any], *, unbounded: bool) -> Shape:
    """A shape with everything but its references."""
    error = given.get("error", {})
    return Shape(
        service=service,
        name=name,
        type_name=given["type"],
        required=tuple(given.get("required", ())),
        min=given.get("min"),
        max=given.get("max"),
        pattern=given.get("pattern"),
        enum=tuple(given.get("enum", ())),
        sensitive=given.get("sensitive", False),
        document=given.get("document", False),
        flattened=given.get("flattened", False),
        streaming=given.get("streaming", False),
        event_stream=given.get("eventstream", False),
        payload=given.get("payload"),
        timestamp_format=given.get("timestampFormat"),
        exception=given.get("exception", False),
        fault=given.get("fault", False) or error.get("fault", False),
        error_code=error.get("code"),
        error_status=error.get("httpStatusCode"),
        unbounded=unbounded,
    )


def _endless(raw: Mapping[str, Mapping[str, Any]], known: Collection[str]) -> set[str]:
    """The shapes whose values have no greatest depth: in a circle, leading into one, or free documents.

    What ``raw`` leads to without having it is endless where it is among the ``known``.
    """
    left = {name: (name,) if given.get("document") else _references(given) for name, given in raw.items()}
    while leaves := [name for name, ends in left.items() if not any(end in left or end in known for end in ends)]:
        for name in leaves:
            del left[name]
    return set(left)


def _references(given: Mapping[str, Any]) -> tuple[str, ...]:
    members = given.get("members", {}).values()
    parts = (given[part] for part in ("member", "key", "value") if part in given)
    return tuple(ref["shape"] for ref in (*members, *parts))


CATALOGUE: Final = Catalogue(SERVICES)
"""The catalogue that the product answers by: one instance, so that shapes have one identity."""
