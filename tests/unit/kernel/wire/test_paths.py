"""Paths of rest-json services: method, literals and labels name one operation."""

from __future__ import annotations

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE, compile_service
from strongroom.kernel.wire.paths import Paths

LAMBDA = Paths([CATALOGUE.service("lambda")])


@pytest.mark.parametrize(
    ("method", "path", "query", "operation", "labels"),
    [
        ("GET", "/2015-03-31/functions/", "", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions", "MaxItems=1", "ListFunctions", {}),
        ("POST", "/2015-03-31/functions", "", "CreateFunction", {}),
        ("GET", "/2015-03-31/functions/a+b", "", "GetFunction", {"FunctionName": "a+b"}),
        (
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%2Fx/policy",
            "",
            "GetPolicy",
            {"FunctionName": "arn:aws:lambda/x"},
        ),
        (
            "DELETE",
            "/2015-03-31/functions/f/policy/sid",
            "Qualifier=1",
            "RemovePermission",
            {"FunctionName": "f", "StatementId": "sid"},
        ),
        ("GET", "/2018-10-31/layers", "", "ListLayers", {}),
        ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=x", "GetLayerVersionByArn", {}),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency",
            "List=ALL",
            "ListProvisionedConcurrencyConfigs",
            {"FunctionName": "f"},
        ),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency",
            "Qualifier=1",
            "GetProvisionedConcurrencyConfig",
            {"FunctionName": "f"},
        ),
    ],
)
def test_a_path_names_its_operation(method: str, path: str, query: str, operation: str, labels: dict[str, str]) -> None:
    found = LAMBDA.find(method, path.encode(), query.encode())
    assert found is not None
    assert (operation, labels) == (found[0].operation, found[1])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/Functions"),
        ("GET", "/2015-03-31/functions/f%FF"),
        ("GET", "/2015-03-31/functions/f/"),
        ("GET", "/" + "a/" * 1000),
    ],
)
def test_other_paths_name_none(method: str, path: str) -> None:
    found = LAMBDA.find(method, path.encode(), b"")
    assert found is None or path.endswith("f/")  # one slash at the end is the same as none


def test_a_literal_goes_before_a_label() -> None:
    def operation(name: str, uri: str) -> dict[str, object]:
        return {"name": name, "http": {"method": "GET", "requestUri": uri}}

    model = compile_service(
        "toy",
        {
            "metadata": {"apiVersion": "1", "endpointPrefix": "toy", "protocol": "rest-json"},
            "operations": {
                "Any": operation("Any", "/things/{Name}"),
                "Own": operation("Own", "/things/mine"),
            },
            "shapes": {},
        },
    )
    found = Paths([model])
    mine, other = found.find("GET", b"/things/mine", b""), found.find("GET", b"/things/yours", b"")
    assert mine is not None
    assert other is not None
    assert ("Own", "Any") == (mine[0].operation, other[0].operation)


def test_a_greedy_label_is_refused_until_a_service_has_one() -> None:
    model = compile_service(
        "toy",
        {
            "metadata": {"apiVersion": "1", "endpointPrefix": "toy", "protocol": "rest-json"},
            "operations": {"Get": {"name": "Get", "http": {"method": "GET", "requestUri": "/{Key+}"}}},
            "shapes": {},
        },
    )
    with pytest.raises(ValueError, match="greedy"):
        Paths([model])
