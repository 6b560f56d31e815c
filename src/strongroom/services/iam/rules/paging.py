"""Lists in pages: MaxItems and Marker in, IsTruncated and Marker out.

A marker is the sealed name of the last item shown, bound to account and operation. It survives deletions, and
a client learns nothing from it and cannot make one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from strongroom.base.classes import dataclass
from strongroom.kernel.call import Call
from strongroom.kernel.sealing.keyring import SealBroken
from strongroom.services.iam.errors import invalid

T = TypeVar("T")

_PURPOSE = "page-token"
_DEFAULT_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins and how long it is. ``more`` is one item more than is shown: it tells whether
    there is more.
    """

    after: str
    most: int

    @property
    def more(self) -> int:
        """How many items to fetch."""
        return self.most + 1


def asked_page(call: Call) -> Page:
    """The page that a call asks for. Raises ValidationError for a marker that was not given for this list."""
    return Page(_opened(call, call.get("Marker")), call.get("MaxItems", _DEFAULT_ITEMS))


def _opened(call: Call, marker: str | None) -> str:
    if marker is None:
        return ""
    try:
        return call.kernel.keyring.tokens.open(_PURPOSE, base64.b64decode(marker, validate=True), _bound(call)).decode()
    except (SealBroken, binascii.Error, ValueError):
        raise invalid("Invalid Marker.") from None


def answer_page(
    call: Call,
    page: Page,
    member: str,
    fetched: Sequence[T],
    name: Callable[[T], str],
    form: Callable[[T], Any],
) -> dict[str, Any]:
    """The answer of a list: items in their wire form under ``member``, and how to go on.

    ``fetched``: up to ``page.more`` items in the order of ``name``, which is what markers hold.
    """
    answer: dict[str, Any] = {member: [form(one) for one in fetched[: page.most]]}
    answer["IsTruncated"] = len(fetched) > page.most
    if answer["IsTruncated"]:
        sealed = call.kernel.keyring.tokens.seal(_PURPOSE, name(fetched[page.most - 1]).encode(), _bound(call))
        answer["Marker"] = base64.b64encode(sealed).decode("ascii")
    return answer


def cut(page: Page, items: Iterable[T], name: Callable[[T], str]) -> list[T]:
    """What a page shows of a short list that was fetched whole, plus one."""
    return [one for one in sorted(items, key=name) if name(one) > page.after][: page.more]


def _bound(call: Call) -> bytes:
    return f"{call.service}|{call.name}|{call.account}".encode()
