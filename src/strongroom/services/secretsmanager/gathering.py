"""New secrets gathered while their requests are decided, and stored together: what an import does with plain lines.

Plain is a request for a secret under the default key, in one Region, whose name is free: all that can refuse it comes
before its first row, so nothing has ever to be taken back. The rows are the same as those that CreateSecret stores
one by one, which a test compares. Source: decision 0056.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from strongroom.base.clock import to_ms
from strongroom.kernel.call import Answer, Call
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import envelopes, store
from strongroom.services.secretsmanager.quotas import refuse_beyond
from strongroom.services.secretsmanager.rules.identifiers import secret_arn
from strongroom.services.secretsmanager.rules.labels import CURRENT
from strongroom.services.secretsmanager.rules.values import value_of

PLAIN = frozenset({"Name", "Description", "SecretString", "SecretBinary", "Tags", "ClientRequestToken"})
_LABELS = orjson.dumps([CURRENT]).decode()


class Gathering:
    """The secrets of one account and Region that are not stored yet, in one transaction."""

    def __init__(self, call: Call, tx: Transaction, names: Iterable[str]) -> None:
        """``names``: those that may come."""
        self._account, self._region = call.account, call.region
        self._taken = store.secrets.names_among(tx, call.account, call.region, sorted(set(names)))
        self._count = store.counts.secrets_of(tx, call.account, call.region)
        self._waiting: list[tuple[dict[str, Any], dict[str, Any] | None, Sequence[Mapping[str, str]]]] = []

    def fits(self, params: Mapping[str, Any]) -> bool:
        """Whether a request is plain."""
        return params.keys() <= PLAIN and isinstance(params.get("Name"), str) and params["Name"] not in self._taken

    def use(self, name: str) -> None:
        """Note that a name may be taken from here on."""
        self._taken.add(name)

    def recount(self, tx: Transaction) -> None:
        """Somebody else has made a secret in this transaction."""
        self._count = store.counts.secrets_of(tx, self._account, self._region)

    def take(self, call: Call, tx: Transaction, suffix: str, tags: Sequence[Mapping[str, str]]) -> Answer:
        """Gather the secret of a decided request; CreateSecret's answer. Raises as CreateSecret does."""
        refuse_beyond(call, self._count + 1)
        name, moment = call["Name"], to_ms(call.now)
        row = {
            "account": self._account,
            "region": self._region,
            "name": name,
            "suffix": suffix,
            "created_ms": moment,
            "changed_ms": moment,
            "tags": orjson.dumps(list(tags)).decode() if tags else None,
            "description": call.get("Description") or None,
        }
        arn = secret_arn(self._account, self._region, name, suffix)
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
        self._waiting.append((row, first, tags))
        self._count += 1
        return answer

    def store(self, tx: Transaction) -> None:
        """Store all that was gathered."""
        if not self._waiting:
            return
        tagged: list[tuple[int, str, str]] = []
        found: dict[int, frozenset[str]] = {}
        firsts: list[dict[str, Any]] = []
        numbers = store.secrets.add_new(tx, self._account, self._region, [row for row, _, _ in self._waiting])
        for row, first, tags in self._waiting:
            pk = numbers[row["name"]]
            found[pk] = store.words.indexed(row["name"], row["description"], row["tags"])
            tagged += [(pk, one["Key"], one["Value"]) for one in tags]
            if first is not None:
                firsts.append({"secret_pk": pk, **first})
        store.versions.add_first(tx, firsts, CURRENT)
        store.secrets.add_tags(tx, tagged)
        store.words.add_new(tx, self._account, found)
        store.counts.more(tx, self._account, self._region, len(self._waiting))
        self._waiting.clear()
