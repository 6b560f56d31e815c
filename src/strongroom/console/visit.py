"""One request for a page: who asks, what they filled in, and how a page asks operations and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import jinja2

from strongroom.base.classes import dataclass, field
from strongroom.base.http import HTTPRequest
from strongroom.console import guard
from strongroom.console.desk import Desk, Person
from strongroom.kernel.call import Answer, Source
from strongroom.kernel.signedin import Refused, SignedIn

FIELDS_AT_MOST = 400
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a page answers."""

    body: str | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = HTML


class BadForm(Exception):  # noqa: N818  an answer
    """A form that no page of ours made."""


class Stop(Exception):  # noqa: N818  an answer
    """A page has its answer before its end."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("answered")
        self.reply = reply


@dataclass(frozen=True, slots=True)
class House:
    """What all pages share: the desk, the door into the chain, the templates, and what the settings say."""

    desk: Desk
    door: SignedIn
    templates: jinja2.Environment
    regions: Sequence[str]
    region: str
    certificates: Callable[[], Mapping[str, datetime]]


@dataclass(slots=True)
class Visit:
    """One request. ``person`` is None at the sign-in page alone."""

    house: House
    request: HTTPRequest
    source: Source
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    form: Mapping[str, Sequence[str]]
    person: Person | None = None

    @property
    def region(self) -> str:
        """The Region that the page is about."""
        return self.path.get("region", self.house.region)

    @property
    def secure(self) -> bool:
        """Whether the browser came over TLS."""
        return self.source.secure

    @property
    def who(self) -> Person:
        """The person who signed in."""
        if self.person is None:
            raise RuntimeError("a page for people who signed in, and nobody did")
        return self.person

    @property
    def now(self) -> datetime:
        """The product's clock."""
        chain = self.house.door.chain
        with chain.store.read() as tx:
            return chain.clock() + chain.offset(tx)

    @property
    def machine_now(self) -> datetime:
        """The machine's clock, which is that of events."""
        return self.house.door.chain.clock()

    def field(self, name: str, default: str = "") -> str:
        """One field of the form, without the blanks around it."""
        return self.raw(name, default).strip()

    def raw(self, name: str, default: str = "") -> str:
        """One field of the form as it was typed; browsers send line ends as CR LF, which here are LF."""
        found = self.form.get(name)
        return default if not found else found[0].replace("\r\n", "\n")

    def asked(self, name: str, default: str = "") -> str:
        """One field of the address's query."""
        found = self.query.get(name)
        return default if not found else found[0]

    def all(self, name: str) -> list[str]:
        """All fields of one name, in their order."""
        return [value.replace("\r\n", "\n") for value in self.form.get(name, ())]

    # ------------------------------------------------------------------ asking

    def ask(self, service: str, operation: str, /, **params: Any) -> Answer:
        """Run one operation as the person. Raises Refused, SessionOver."""
        given = {name: value for name, value in params.items() if value is not None}
        return self.house.door.ask(self.who.kept, self.source, service, operation, given, region=self.region)

    def attempt(self, service: str, operation: str, /, **params: Any) -> Answer | Refused:
        """As ``ask``; a refusal is an answer, for the parts of a page that may be missing."""
        try:
            return self.ask(service, operation, **params)
        except Refused as refusal:
            return refusal

    # ------------------------------------------------------------------ answering

    def page(self, template: str, *, status: int = 200, **told: Any) -> Reply:
        """A page."""
        context = {"visit": self, "person": self.person, "region": self.region, "said": None} | told
        return Reply(self.house.templates.get_template(template).render(context), status)

    def url(self, *parts: str, **query: str | Sequence[str]) -> str:
        """An address of the console in this Region."""
        asked = urlencode({name: value for name, value in query.items() if value}, doseq=True)
        return (
            "/console/"
            + "/".join(quote(part, safe="") for part in (self.region, *parts))
            + (f"?{asked}" if asked else "")
        )

    def go(self, where: str) -> Reply:
        """Send the browser elsewhere, after a change: reloading the page there changes nothing again."""
        return Reply("", 303, {"location": where})


def fields(request: HTTPRequest) -> dict[str, list[str]]:
    """The fields of a form. Raises BadForm."""
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadForm
    return _grouped(request.body)


def query(request: HTTPRequest) -> dict[str, list[str]]:
    """The query's fields. Raises BadForm."""
    return _grouped(request.query)


def _grouped(text: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_AT_MOST)
    except ValueError:  # too many, or no UTF-8
        raise BadForm from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


__all__ = ["BadForm", "House", "Refused", "Reply", "Stop", "Visit", "fields", "guard", "query"]
