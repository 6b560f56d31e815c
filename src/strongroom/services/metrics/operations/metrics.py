"""ListMetrics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from strongroom.base.clock import to_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.metrics import errors, series, store
from strongroom.services.metrics.reading import number_of, token_of
from strongroom.services.metrics.room import ROOM

PAGE = 500
_RECENT = timedelta(hours=3)
_TOLD = timedelta(days=14)


@ROOM.operation("ListMetrics", mode=Mode.SLOW)
def list_metrics(call: Call, found: Any, tx: Transaction) -> Answer:  # noqa: ARG001
    """The metrics that had points in the last two weeks. Source: API reference, ListMetrics."""
    try:
        after = number_of(call.get("NextToken"))
    except errors.InvalidNextToken as refusal:  # which this operation's model does not have
        raise errors.InvalidParameterValueException(refusal.message) from None
    since = to_ms(call.now - (_RECENT if call.get("RecentlyActive") else _TOLD)) - store.HOUR * 1000
    counted = store.secrets_between(tx, call.account, call.region, since, to_ms(call.now))
    called = [one for region in (call.region, "") for one in store.called_since(tx, call.account, region, since)]
    all_of = [one for one in series.existing(bool(counted), called) if one.meets(call.params)]
    if call.get("OwningAccount", call.account) != call.account:
        all_of = []
    answer: dict[str, Any] = {"Metrics": [one.metric() for one in all_of[after : after + PAGE]]}
    if len(all_of) > after + PAGE:
        answer["NextToken"] = token_of(after + PAGE)
    return answer
