"""New secrets gathered while their requests are decided, and stored together: what an import does with plain lines.

Plain is a request for a secret under the default key, in one Region, whose name is free: all that can refuse it comes
before its first row, so nothing has ever to be taken back. The rows are the same as those that CreateSecret stores
one by one, which a test compares. Source: decision 0056.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from strongroom.base.clock import to_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import envelopes, store
from strongroom.services.secretsmanager.quotas import is_beyond, refuse_beyond
from strongroom.services.secretsmanager.rules.identifiers import secret_arn
from strongroom.services.secretsmanager.rules.labels import CURRENT
from strongroom.services.secretsmanager.rules.values import value_of

PLAIN = frozenset({"Name", "Description", "SecretString", "SecretBinary", "Tags", "ClientRequestToken"})
_LABELS = orjson.dumps([CURRENT]).decode()


class New(NamedTuple):
    """The rows of one secret to be, but for its number: of its own table, of its first version, its tags, its words."""

    row: Mapping[str, Any]
    version: Mapping[str, Any] | None
    tags: Sequence[Mapping[str, str]]
    words: frozenset[str]


class Ahead:
    """Takes the one secret of a request that is worked out before its turn: whether there is room is asked then."""

    def __init__(self) -> None:
        self.new: New | None = None

    def take(self, call: Call, tx: Transaction, suffix: str, tags: Sequence[Mapping[str, str]]) -> Answer:
        """As Gathering.take."""
        answer, self.new = _new(call, tx, suffix, tags)
        return answer


def is_plain(params: Mapping[str, Any]) -> bool:
    """Whether a request is plain, if its name is free."""
    return params.keys() <= PLAIN and isinstance(params.get("Name"), str)


class Gathering:
    """The secrets of one account and Region that are not stored yet, in one transaction."""

    def __init__(self, call: Call, tx: Transaction, names: Iterable[str]) -> None:
        """``names``: those that may come."""
        self._account, self._region = call.account, call.region
        self._taken = store.secrets.names_among(tx, call.account, call.region, sorted(set(names)))
        self._count = store.counts.secrets_of(tx, call.account, call.region)
        self._waiting: list[New] = []

    def fits(self, params: Mapping[str, Any]) -> bool:
        """Whether a request is plain, and its name free."""
        return is_plain(params) and params["Name"] not in self._taken

    def use(self, name: str) -> None:
        """Note that a name may be taken from here on."""
        self._taken.add(name)

    def recount(self, tx: Transaction) -> None:
        """Somebody else has made a secret in this transaction."""
        self._count = store.counts.secrets_of(tx, self._account, self._region)

    def take(self, call: Call, tx: Transaction, suffix: str, tags: Sequence[Mapping[str, str]]) -> Answer:
        """Gather the secret of a decided request; CreateSecret's answer. Raises as CreateSecret does."""
        refuse_beyond(call, self._count + 1)
        answer, new = _new(call, tx, suffix, tags)
        self._waiting.append(new)
        self._count += 1
        return answer

    def add(self, call: Call, new: New) -> bool:
        """Gather a secret that was worked out before; False where its name is taken or there is no room for it."""
        if new.row["name"] in self._taken or is_beyond(call, self._count + 1):
            return False
        self._waiting.append(new)
        self._taken.add(new.row["name"])
        self._count += 1
        return True

    def store(self, tx: Transaction) -> None:
        """Store all that was gathered."""
        if not self._waiting:
            return
        tagged: list[tuple[int, str, str]] = []
        found: dict[int, frozenset[str]] = {}
        firsts: list[dict[str, Any]] = []
        numbers = store.secrets.add_new(tx, self._account, self._region, [new.row for new in self._waiting])
        for new in self._waiting:
            pk = numbers[new.row["name"]]
            found[pk] = new.words
            tagged += [(pk, one["Key"], one["Value"]) for one in new.tags]
            if new.version is not None:
                firsts.append({"secret_pk": pk, **new.version})
        store.versions.add_first(tx, firsts, CURRENT)
        store.secrets.add_tags(tx, tagged)
        store.words.add_new(tx, self._account, found)
        store.counts.more(tx, self._account, self._region, len(self._waiting))
        self._waiting.clear()


def _new(call: Call, tx: Transaction, suffix: str, tags: Sequence[Mapping[str, str]]) -> tuple[Answer, New]:
    """CreateSecret's answer to a decided request, and the rows that it leads to."""
    name, moment = call["Name"], to_ms(call.now)
    row = {
        "account": call.account,
        "region": call.region,
        "name": name,
        "suffix": suffix,
        "created_ms": moment,
        "changed_ms": moment,
        "tags": orjson.dumps(list(tags)).decode() if tags else None,
        "description": call.get("Description") or None,
    }
    arn = secret_arn(call.account, call.region, name, suffix)
    answer = {"ARN": arn, "Name": name}
    first, value = None, value_of(call.params)
    if value is not None:
        version_id = answer["VersionId"] = call["ClientRequestToken"]
        sealed, wrapped = envelopes.seal_new(call, tx, arn, version_id, value[1])
        first = {
            "version_id": version_id,
            "created_ms": moment,
            "labels": _LABELS,
            "form": value[0],
            "sealed": sealed,
            "wrapped": wrapped,
        }
    return answer, New(row, first, tags, store.words.indexed(name, row["description"], tags))
