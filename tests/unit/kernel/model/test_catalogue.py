"""The catalogue: AWS's models compiled into our shapes."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.kernel.model.catalogue import CATALOGUE, SERVICES, Catalogue, compile_service


def raw_service(shapes: dict[str, Any], **metadata: str) -> dict[str, Any]:
    return {
        "metadata": {"apiVersion": "2026-01-01", "endpointPrefix": "toy", "protocol": "json", **metadata},
        "operations": {},
        "shapes": shapes,
    }


@pytest.mark.parametrize(
    ("service", "protocol", "target_prefix", "signing_name", "operations"),
    [
        ("secretsmanager", "json", "secretsmanager", "secretsmanager", 23),
        ("kms", "json", "TrentService", "kms", 54),
        ("iam", "query", None, "iam", 176),
        ("sts", "query", None, "sts", 11),
        ("lambda", "rest-json", None, "lambda", 85),
    ],
)
def test_services_say_how_they_are_spoken_to(
    service: str, protocol: str, target_prefix: str | None, signing_name: str, operations: int
) -> None:
    model = CATALOGUE.service(service)
    assert (protocol, target_prefix, signing_name) == (
        model.protocol,
        model.target_prefix,
        model.signing_name,
    )
    assert operations <= len(model.operations)  # AWS adds operations


def test_an_operation_knows_its_input_members_and_their_limits() -> None:
    given = CATALOGUE.operation("secretsmanager", "GetSecretValue").input
    assert given is not None
    assert ("SecretId",) == given.required
    member = given.members["SecretId"]
    assert (True, 1, 2048) == (member.required, member.shape.min, member.shape.max)


def test_traits_of_shapes_and_members_are_kept() -> None:
    create = CATALOGUE.operation("secretsmanager", "CreateSecret").input
    assert create is not None
    assert create.members["ClientRequestToken"].idempotency_token
    assert create.members["SecretString"].shape.sensitive
    assert not create.members["Name"].shape.sensitive
    invoke = CATALOGUE.operation("lambda", "Invoke").input
    assert invoke is not None
    assert ("header", "X-Amz-Log-Type") == (
        invoke.members["LogType"].location,
        invoke.members["LogType"].wire_name,
    )
    assert "Payload" == invoke.payload
    assert CATALOGUE.shape("kms", "KMSInternalException").fault


def test_one_name_is_one_shape_wherever_it_is_used() -> None:
    given = CATALOGUE.operation("kms", "Encrypt").input
    assert given is not None
    assert CATALOGUE.shape("kms", "KeyIdType") is given.members["KeyId"].shape


def test_declared_errors_are_those_of_the_operation() -> None:
    errors = CATALOGUE.declared_errors("secretsmanager", "DescribeSecret")
    assert {"InternalServiceError", "InvalidParameterException", "ResourceNotFoundException"} == errors


@pytest.mark.parametrize("service", SERVICES)
def test_every_member_has_a_type_the_wire_knows(service: str) -> None:
    known = {
        "structure",
        "list",
        "map",
        "string",
        "integer",
        "long",
        "boolean",
        "timestamp",
        "blob",
        "double",
        "float",
    }
    assert {shape.type_name for shape in CATALOGUE.service(service).shapes.values()} <= known


def test_shapes_that_hold_themselves_are_tied_to_themselves_and_called_unbounded() -> None:
    text = {"type": "string"}
    tree = {"type": "structure", "members": {"Name": {"shape": "Text"}, "Branches": {"shape": "Trees"}}}
    shapes = compile_service(
        "toy",
        raw_service(
            {
                "Text": text,
                "Tree": tree,
                "Trees": {"type": "list", "member": {"shape": "Tree"}},
                "Forest": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Tree"}},
                "Anything": {"type": "structure", "members": {}, "document": True},
                "Plain": {"type": "structure", "members": {"Name": {"shape": "Text"}}},
            }
        ),
    ).shapes
    branches = shapes["Tree"].members["Branches"].shape
    assert branches.member is not None
    assert shapes["Tree"] is branches.member.shape
    assert {"Tree", "Trees", "Forest", "Anything"} == {name for name, shape in shapes.items() if shape.unbounded}


def test_the_newest_version_of_a_model_is_read(tmp_path: Path) -> None:
    for version in ("2014-01-01", "2026-01-01", "2020-01-01"):
        (tmp_path / "toy" / version).mkdir(parents=True)
        raw = raw_service({}, apiVersion=version)
        (tmp_path / "toy" / version / "service-2.json.gz").write_bytes(gzip.compress(orjson.dumps(raw)))
    assert "2026-01-01" == Catalogue(["toy"], data=tmp_path).service("toy").api_version


def test_a_service_costs_nothing_until_it_is_asked_for(tmp_path: Path) -> None:
    catalogue = Catalogue(["toy"], data=tmp_path)  # there is no such directory
    with pytest.raises(FileNotFoundError):
        catalogue.service("toy")


def test_a_service_outside_of_the_catalogue_is_not_there() -> None:
    with pytest.raises(KeyError):
        Catalogue(["kms"]).service("iam")


def test_a_model_is_added_once() -> None:
    catalogue = Catalogue([])
    catalogue.add("toy", raw_service({"Text": {"type": "string"}}))
    assert "string" == catalogue.shape("toy", "Text").type_name
    with pytest.raises(ValueError, match="there already"):
        catalogue.add("toy", raw_service({}))


def test_a_protocol_that_nothing_here_speaks_is_refused() -> None:
    with pytest.raises(ValueError, match="rest-xml"):
        compile_service("toy", raw_service({}, protocol="rest-xml"))
