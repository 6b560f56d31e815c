"""Which Regions there are: botocore's partition data, so that a new one arrives with the next botocore."""

from __future__ import annotations

import orjson

from strongroom.kernel.model.catalogue import data_directory

_NOT_A_PLACE = "aws-global"


def aws_regions() -> frozenset[str]:
    """Every Region of the ``aws`` partition. Raises FileNotFoundError where botocore's data is missing."""
    partitions = orjson.loads((data_directory() / "partitions.json").read_bytes())["partitions"]
    regions = next(one["regions"] for one in partitions if one["id"] == "aws")
    return frozenset(regions) - {_NOT_A_PLACE}
