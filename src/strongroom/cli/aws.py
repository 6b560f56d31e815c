"""boto3 clients of the server that a command means, for what is done by ordinary operations."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from strongroom.cli.client import client_of

_INVOKE_SECONDS = 130


def clients_of(given: argparse.Namespace) -> Callable[[str], Any]:
    """Makes a client of a service, with the keys and at the address that ``--data`` or ``--endpoint`` mean.

    Raises StartRefused where something is missing.
    """
    import boto3  # noqa: PLC0415  it takes half a second, and most commands do without
    from botocore.config import Config  # noqa: PLC0415

    where = client_of(given)
    session = boto3.session.Session(
        aws_access_key_id=where.keys.access_key_id,
        aws_secret_access_key=where.keys.secret,
        aws_session_token=where.keys.token,
        region_name=where.region,
    )
    config = Config(
        retries={"total_max_attempts": 1},
        connect_timeout=10,
        read_timeout=_INVOKE_SECONDS,
        ignore_configured_endpoint_urls=True,
    )

    def client(service: str) -> Any:
        return session.client(
            service, endpoint_url=where.url, verify=str(where.ca) if where.ca is not None else True, config=config
        )

    return client
