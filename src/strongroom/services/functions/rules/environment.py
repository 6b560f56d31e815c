"""Environment variables: which may be set, and how many bytes of them.

Source: facts lambda-and-others, sections 1.2 and 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from strongroom.services.functions import errors

MOST_BYTES = 4096
_KEY = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
_WRONG = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
)


def check_environment(variables: Mapping[str, str]) -> None:
    """Raise InvalidParameterValueException for variables that may not be set. No answer repeats a value."""
    reserved = sorted(key for key in variables if key in _RESERVED or key.startswith("AWS_LAMBDA_"))
    if reserved:
        raise errors.invalid(
            f"{_WRONG}contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    if any(_KEY.fullmatch(key) is None or "\0" in value for key, value in variables.items()):
        raise errors.invalid(f"{_WRONG}contains keys that do not satisfy the pattern [a-zA-Z]([a-zA-Z0-9_])+")
    if sum(len(key.encode()) + len(value.encode()) for key, value in variables.items()) > MOST_BYTES:
        # AWS repeats the variables here; we do not (README, differences).
        raise errors.invalid(f"{_WRONG}exceeded the 4KB limit.")
