"""The room's service model, in botocore's own form, so that wire, validation and records work as for AWS's services."""

from __future__ import annotations

from importlib import resources

import orjson

from strongroom.kernel.model.catalogue import CATALOGUE

SERVICE = "strongroom"

CATALOGUE.add(SERVICE, orjson.loads(resources.files(__package__).joinpath("service-2.json").read_bytes()))
