"""The forms in which callers name a function.

Source: facts lambda-and-others, section 1.1.
"""

from __future__ import annotations

import re

from strongroom.base.classes import dataclass
from strongroom.base.names import PARTITION
from strongroom.services.functions import errors

LATEST = "$LATEST"
_NAME = r"(?P<name>[a-zA-Z0-9-_]{1,64})"
_QUALIFIER = r"(:(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]{1,128}))?"
_FORMS = tuple(
    re.compile(form + _NAME + _QUALIFIER)
    for form in (
        r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):function:",
        r"(?P<account>[0-9]{12}):function:",
        r"(?P<account>[0-9]{12}):",
        r"function:",
        r"",
    )
)


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """Which function a request means, and which version or alias of it (None: the function itself)."""

    account: str
    region: str
    name: str
    qualifier: str | None

    @property
    def arn(self) -> str:
        """The ARN as a decision and an answer name it, qualified where the request was."""
        bare = f"arn:{PARTITION}:lambda:{self.region}:{self.account}:function:{self.name}"
        return bare if self.qualifier is None else f"{bare}:{self.qualifier}"


def read_function(given: str, qualifier: str | None, *, account: str, region: str) -> FunctionRef:
    """The function that a name and a Qualifier mean.

    Raises InvalidParameterValueException where the two qualifiers differ or the name has no known form, and
    ResourceNotFoundException for another Region's.
    """
    for form in _FORMS:
        found = form.fullmatch(given)
        if found is not None:
            break
    else:
        raise errors.invalid(f"{given[:256]} is not a valid function name.")  # our choice: the model lets it pass
    parts = found.groupdict()
    named = parts["qualifier"]
    if named is not None and qualifier is not None and named != qualifier:
        raise errors.invalid(errors.QUALIFIERS_DIFFER)
    of_region = parts.get("region") or region
    if of_region != region:
        raise errors.ResourceNotFoundException(
            f"Functions from '{of_region}' are not reachable in this region ('{region}')"
        )
    return FunctionRef(parts.get("account") or account, region, parts["name"], named or qualifier)
