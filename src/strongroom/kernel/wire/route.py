"""Which service and operation a request means, told from its form alone; nothing is proven yet.

A request that means nothing still gets a route, with the refusal to give once its caller is known,
so that the refusal goes out in the caller's own protocol, signed for and recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from strongroom.base.http import HTTPRequest
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel.model.catalogue import Catalogue
from strongroom.kernel.model.shapes import ServiceModel
from strongroom.kernel.wire import form, json11, rpccbor
from strongroom.kernel.wire.paths import Paths

Form = Literal["json", "json-1.0", "query", "rest-json", "rpc-cbor", "none"]
"""The protocols, and ``none`` for what has the form of no protocol: it gets AWS's bare XML."""

UNKNOWN: Final = "unknown"
_JSON: Final = "application/x-amz-json-1."
_FORM: Final = "application/x-www-form-urlencoded"
_NAME_LENGTH: Final = 64  # characters of a service or operation name that may reach a record


@dataclass(frozen=True, slots=True)
class Route:
    """What a request means.

    ``service`` is AWS's name, ``unknown`` where the request does not tell; it may be one that is not offered.
    ``operation`` is None where the request names none that the model has.
    ``refusal`` is what the caller is told in place of an answer, once it is proven who that is.
    ``labels`` are the path's of rest-json, ``fields`` the form's of query.
    ``query_codes``: that errors also carry the code that they have in the query protocol, as ServiceModel says.
    """

    service: str
    operation: str | None
    protocol: Form
    refusal: Refusal | None = None
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    xml_namespace: str = ""
    query_codes: bool = False


class Router:
    """The routes of the services offered, prepared once. Safe to share between threads."""

    def __init__(self, catalogue: Catalogue, offered: Collection[str]) -> None:
        self._offered = frozenset(offered)
        models = [catalogue.service(name) for name in sorted(offered)]
        self._protocols = {model.name: model.protocols for model in models}
        self._json: dict[str, Form] = {
            model.name: "json-1.0" if model.json_version == "1.0" else "json"
            for model in models
            if "json" in model.protocols and model.target_prefix
        }
        self._targets = {
            f"{model.target_prefix}.{name}": _named(model, name, self._json[model.name])
            for model in models
            if model.name in self._json
            for name in model.operations
        }
        # What a client sends is looked up as it came: no text is made of what is known.
        self._known = {target.encode(): one for target, one in self._targets.items() if one.protocol == "json"}
        self._prefixes = {m.target_prefix: m.name for m in models if m.name in self._json}
        self._calls = {
            f"/service/{model.target_prefix}/operation/{name}".encode(): _named(model, name, "rpc-cbor")
            for model in models
            if "rpc-cbor" in model.protocols
            for name in model.operations
        }
        self._called = {model.signing_name: model.name for model in models if model.signing_name != model.name}
        self._compatible = frozenset(model.name for model in models if model.query_codes)
        self._versions = {model.api_version: model for model in models if "query" in model.protocols}
        self._paths = Paths(model for model in models if model.protocol == "rest-json")

    def route(self, request: HTTPRequest, scope_service: str | None = None) -> Route:
        """What the request means. ``scope_service`` is the service of its credential scope, if already read.

        Never raises for anything a client can send.
        """
        headers = request.by_name
        sent = headers.get(b"x-amz-target")
        if sent is not None:
            found = self._known.get(sent)
            if found is not None and headers.get(b"content-type") == b"application/x-amz-json-1.1":
                return found  # every call of every SDK of a json service
            return self._by_target(request, sent.decode("latin-1"), scope_service)
        content_type = _content_type(request)
        if request.header(b"smithy-protocol") == rpccbor.PROTOCOL:
            return self._by_call(request, scope_service)
        return self._by_form(request, content_type, scope_service)

    def known(self, target: bytes) -> Route | None:
        """The operation of a service of json 1.1 that has this ``x-amz-target``, if there is one."""
        return self._known.get(target)

    def _by_form(self, request: HTTPRequest, content_type: str, scope_service: str | None) -> Route:
        if content_type.startswith(_JSON):
            return self._unknown("json", self._claimed(request, scope_service, "json"))
        if request.path not in (b"/", b""):
            return self._by_path(request, scope_service)
        if content_type == _FORM or b"Action=" in request.query:
            return self._by_action(request, scope_service)
        return self._by_signature(request, scope_service)

    def _by_signature(self, request: HTTPRequest, scope_service: str | None) -> Route:
        """A request whose form tells nothing: only its signature may say what service it is for."""
        claimed = self._claimed(request, scope_service, None)
        if claimed in self._offered or claimed == UNKNOWN:
            return self._unknown("none", claimed)
        return self._not_offered("none", claimed, None)

    def _by_call(self, request: HTTPRequest, scope_service: str | None) -> Route:
        """RPC v2 CBOR, which names the operation in the path."""
        found = self._calls.get(request.path)
        if found is not None and request.method == "POST":
            return found
        claimed = self._claimed(request, scope_service, None)
        if claimed in self._offered or claimed == UNKNOWN:
            return self._unknown("rpc-cbor", claimed)
        return self._not_offered("rpc-cbor", claimed, None)

    def _by_target(self, request: HTTPRequest, target: str, scope_service: str | None) -> Route:
        prefix, _, name = target.rpartition(".")
        service = self._prefixes.get(prefix)
        content_type = _content_type(request)
        if service is not None:
            if content_type != _CONTENT_TYPES[self._json[service]]:
                # Measured: 404 and bare XML, whatever the target says.
                return self._unknown("none", service)
            return self._targets.get(target) or self._unknown(self._json[service], service)
        claimed = self._claimed(request, scope_service, "json")
        if claimed in self._offered or claimed == UNKNOWN:
            return self._unknown("json", claimed)
        return self._not_offered("json", claimed, name)

    def _by_path(self, request: HTTPRequest, scope_service: str | None) -> Route:
        found = self._paths.find(request.method, request.path, request.query)
        if found is not None:
            template, labels = found
            return Route(template.service, template.operation.name, "rest-json", labels=labels)
        claimed = self._claimed(request, scope_service, "rest-json")
        if claimed in self._offered or claimed == UNKNOWN:
            return self._unknown("rest-json", claimed)
        return self._not_offered("rest-json", claimed, None)

    def _by_action(self, request: HTTPRequest, scope_service: str | None) -> Route:
        claimed = self._claimed(request, scope_service, "query")
        try:
            # A GET has its fields in the query string whatever its body says; so has a POST without a body.
            raw = request.query if request.method == "GET" or not request.body else request.body
            fields = form.single(form.fields(raw))
        except Refusal as refusal:
            return Route(claimed, None, "query", refusal, xml_namespace=self._namespace(claimed))
        action, version = fields.get("Action"), fields.get("Version")
        model = self._versions.get(version or "")
        if model is None and claimed not in self._offered and claimed != UNKNOWN:
            return self._not_offered("query", claimed, action)
        service = claimed if model is None else model.name
        namespace = self._namespace(service)
        if action is None:
            return Route(service, None, "query", Refusal(Kind.UNKNOWN_OPERATION, "Missing Action"),
                         xml_namespace=namespace)  # fmt: skip
        if model is None or action not in model.operations:
            text = f"Could not find operation {_short(action)} for version {_short(version or _NO_VERSION)}"
            return Route(service, None, "query", Refusal(Kind.UNKNOWN_OPERATION, text), xml_namespace=namespace)
        return Route(service, action, "query", fields=fields, xml_namespace=namespace)

    def _namespace(self, service: str) -> str:
        model: ServiceModel | None = next((m for m in self._versions.values() if m.name == service), None)
        return (model.xml_namespace if model else None) or f"https://{service}.amazonaws.com/doc/"

    def _unknown(self, protocol: Form, service: str) -> Route:
        # Measured on a json 1.1 service: no text at all.
        return Route(service, None, protocol, Refusal(Kind.UNKNOWN_OPERATION), query_codes=service in self._compatible)

    def _not_offered(self, protocol: Form, service: str, name: str | None) -> Route:
        here = ", ".join(sorted(self._offered))
        text = f"Strongroom does not offer the service {service}. Services offered here: {here}."
        operation = name if name and name.isascii() and name.isalnum() and len(name) <= _NAME_LENGTH else None
        return Route(service, operation, protocol, Refusal(Kind.NOT_OFFERED, text),
                     xml_namespace=self._namespace(service))  # fmt: skip

    def _claimed(self, request: HTTPRequest, scope_service: str | None, protocol: Form | None) -> str:
        """The service that the request says it is signed for, unless that one speaks another protocol."""
        claimed = scope_service or _scope_service(request)
        claimed = self._called.get(claimed, claimed)
        if protocol is not None and protocol not in self._protocols.get(claimed, (protocol,)):
            return UNKNOWN
        return claimed


_CONTENT_TYPES: Final = {"json": json11.CONTENT_TYPE, "json-1.0": json11.CONTENT_TYPE_10}


def _named(model: ServiceModel, operation: str, form: Form) -> Route:
    return Route(model.name, operation, form, query_codes=model.query_codes)


_NO_VERSION: Final = "NO_VERSION_SPECIFIED"


def route(
    request: HTTPRequest, catalogue: Catalogue, offered: Collection[str], scope_service: str | None = None
) -> Route:
    """Router.route, with the router of the last catalogue and offer kept: a process has one of each."""
    global _router  # noqa: PLW0603  one slot, replaced whole: a race makes the router twice and harms nothing
    known = _router
    if known is None or known[0] is not catalogue or (known[1] is not offered and known[1] != offered):
        known = _router = (catalogue, offered, Router(catalogue, offered))
    return known[2].route(request, scope_service)


_router: tuple[Catalogue, Collection[str], Router] | None = None


def not_offered(found: Route, operations: Collection[str], reason: str | None) -> Refusal:
    """The refusal of an operation that is modelled and not offered; it names those that are."""
    because = f": {reason.rstrip('.')}" if reason else ""
    return Refusal(
        Kind.NOT_OFFERED,
        f"Strongroom does not offer {found.service}:{found.operation}{because}. "
        f"Operations of {found.service} offered here: {', '.join(sorted(operations))}.",
    )


def _content_type(request: HTTPRequest) -> str:
    """The media type without its parameters, in lower case."""
    given = request.header(b"content-type")
    return "" if given is None else given.partition(";")[0].strip().lower()


def _scope_service(request: HTTPRequest) -> str:
    """The service in ``Credential=AKID/date/region/service/aws4_request``, of header or query string."""
    text = request.header(b"authorization") or request.query.decode("latin-1").replace("%2F", "/")
    _, found, rest = text.partition("Credential=")
    parts = rest[:256].split("/", 4)
    if not found or len(parts) != 5:
        return UNKNOWN
    service = parts[3]
    plain = service.isascii() and service.replace("-", "").isalnum() and len(service) <= _NAME_LENGTH
    return service.lower() if plain else UNKNOWN


def _short(text: str) -> str:
    return text if len(text) <= _NAME_LENGTH else f"{text[:_NAME_LENGTH]}..."
