"""Which metrics there are, and what their dimensions say. Source: facts of Secrets Manager, 14.4.

Unconfirmed there, and so our choice: the dimension values of CallCount.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from strongroom.base.classes import dataclass

SECRETS_NAMESPACE: Final = "AWS/SecretsManager"
USAGE_NAMESPACE: Final = "AWS/Usage"
RESOURCE_COUNT: Final = "ResourceCount"
CALL_COUNT: Final = "CallCount"
OWN_NAMESPACE: Final = "Strongroom"
DENIED_COUNT: Final = "DeniedCount"
DENIED: Final = "denied"
"""Stands in the place of a service where denials are counted. Our choice: CloudWatch has no count of them."""
SERVICES: Final[Mapping[str, str]] = {"secretsmanager": "Secrets Manager", "kms": "KMS"}
"""The services whose calls are told, by the value of the dimension Service."""
_SERVICE_OF: Final = {told: service for service, told in SERVICES.items()}


@dataclass(frozen=True, slots=True)
class Series:
    """One metric: of secrets (no ``service``), of the calls of one operation, or of an account's denied calls."""

    service: str = ""
    operation: str = ""

    @property
    def namespace(self) -> str:
        """The namespace."""
        if self.service == DENIED:
            return OWN_NAMESPACE
        return USAGE_NAMESPACE if self.service else SECRETS_NAMESPACE

    @property
    def name(self) -> str:
        """The metric's name."""
        if self.service == DENIED:
            return DENIED_COUNT
        return CALL_COUNT if self.service else RESOURCE_COUNT

    @property
    def unit(self) -> str:
        """The unit of its points."""
        return "Count" if self.service in ("", DENIED) else "None"

    @property
    def dimensions(self) -> dict[str, str]:
        """Names to values, in AWS's order."""
        if self.service == DENIED:
            return {}
        told = SERVICES[self.service or "secretsmanager"]
        if self.service:
            return {"Type": "API", "Resource": self.operation, "Service": told, "Class": "None"}
        return {"Type": "Resource", "Resource": "SecretCount", "Service": told, "Class": "None"}

    def metric(self) -> dict[str, Any]:
        """As ListMetrics tells it."""
        told = [{"Name": name, "Value": value} for name, value in self.dimensions.items()]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": told}

    def meets(self, wanted: Mapping[str, Any]) -> bool:
        """Whether ListMetrics' filters let it through. A dimension without a value asks for its name alone."""
        if wanted.get("Namespace", self.namespace) != self.namespace:
            return False
        if wanted.get("MetricName", self.name) != self.name:
            return False
        own = self.dimensions
        return all(
            one["Name"] in own and one.get("Value", own[one["Name"]]) == own[one["Name"]]
            for one in wanted.get("Dimensions", ())
        )


def existing(secrets: bool, called: Iterable[tuple[str, str]]) -> list[Series]:
    """The series of an account in a Region."""
    found = [Series()] if secrets else []
    told = (*SERVICES, DENIED)
    return [*found, *(Series(service, operation) for service, operation in called if service in told)]


def meant(namespace: str, name: str, dimensions: Sequence[Mapping[str, str]]) -> Series | None:
    """The series that exactly these names mean; None where there cannot be one: it then has no points."""
    given = {one["Name"]: one["Value"] for one in dimensions}
    service = _SERVICE_OF.get(given.get("Service", ""), "")
    if (namespace, name) == (SECRETS_NAMESPACE, RESOURCE_COUNT):
        found = Series()
    elif (namespace, name) == (USAGE_NAMESPACE, CALL_COUNT) and service:
        found = Series(service, given.get("Resource", ""))
    elif (namespace, name) == (OWN_NAMESPACE, DENIED_COUNT):
        found = Series(DENIED)
    else:
        return None
    return found if given == found.dimensions and len(given) == len(dimensions) else None
