"""Storing a new secret, and another value of one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from strongroom.console.pages import samples
from strongroom.console.pages.secret import pairs_of, rotation_of, shown_of
from strongroom.console.visit import Refused, Reply, Visit

ENGINES = {
    "postgres": ("PostgreSQL", "5432"),
    "mysql": ("MySQL", "3306"),
    "mariadb": ("MariaDB", "3306"),
    "sqlserver": ("SQL Server", "1433"),
    "oracle": ("Oracle", "1521"),
    "mongo": ("MongoDB / DocumentDB", "27017"),
    "redshift": ("Redshift", "5439"),
}
_DATABASE = ("username", "password", "engine", "host", "port", "dbname")


def wizard(visit: Visit) -> Reply:
    """The form."""
    return _form(visit)


def _form(visit: Visit, *, status: int = 200, refusal: Refused | None = None, wrong: str | None = None) -> Reply:
    url = f"{'https' if visit.secure else 'http'}://{visit.source.host}"
    return visit.page(
        "store.html",
        status=status,
        refusal=refusal,
        wrong=wrong,
        engines=ENGINES,
        keys=visit.attempt("kms", "ListAliases", Limit=100),
        functions=visit.attempt("lambda", "ListFunctions", MaxItems=50),
        rows=list(zip(visit.all("pair_key"), visit.all("pair_value"), strict=False)) or [("", "")],
        tags=list(zip(visit.all("tag_key"), visit.all("tag_value"), strict=False)) or [("", "")],
        samples=samples.of(url, visit.region, samples.NAME),
        other_regions=[one for one in visit.house.regions if one != visit.region],
    )


def store(visit: Visit) -> Reply:
    """Create the secret as the form says, then its policy and its rotation, each an operation of its own."""
    value = value_of(visit)
    if value is None:
        return _form(visit, status=400, wrong="A key stands there twice, or a value has no key.")
    tags = [{"Key": key, "Value": text} for key, text in _pairs(visit, "tag_key", "tag_value") if key.strip()]
    regions = [{"Region": one} for one in visit.all("replica") if one]
    try:
        made = visit.ask(
            "secretsmanager",
            "CreateSecret",
            Name=visit.field("Name"),
            Description=visit.field("description") or None,
            KmsKeyId=visit.field("key") or None,
            SecretString=value,
            Tags=tags or None,
            AddReplicaRegions=regions or None,
        )
    except Refused as refusal:
        return _form(visit, status=400, refusal=refusal)
    where = {"id": made["ARN"], "said": "stored"}
    # The secret is there: what of the rest is refused is told on the page where it can be mended.
    if visit.raw("policy").strip():
        answer = visit.attempt(
            "secretsmanager",
            "PutResourcePolicy",
            SecretId=made["ARN"],
            ResourcePolicy=visit.raw("policy"),
            BlockPublicPolicy=True,
        )
        where |= {"tab": "permissions", "said": "policy-left"} if isinstance(answer, Refused) else {}
    if visit.field("rotation") == "true":
        answer = visit.attempt("secretsmanager", "RotateSecret", SecretId=made["ARN"], **rotation_of(visit))
        where |= {"tab": "rotation", "said": "rotation-left"} if isinstance(answer, Refused) else {}
    return visit.go(visit.url("secret", **where))


def value_of(visit: Visit) -> str | None:
    """The value that a form says, by the kind that is chosen; None for pairs that make no object."""
    kind = visit.field("kind")
    if kind == "text":
        return visit.raw("text")
    if kind == "database":
        told: dict[str, Any] = {name: visit.raw(f"db_{name}").strip() for name in _DATABASE}
        told["password"] = visit.raw("db_password")
        return orjson.dumps({name: text for name, text in told.items() if text}).decode()
    pairs = [(key.strip(), text) for key, text in _pairs(visit, "pair_key", "pair_value") if key.strip() or text]
    keys = [key for key, _ in pairs]
    if "" in keys or len(set(keys)) != len(keys):
        return None
    return orjson.dumps(dict(pairs)).decode()


def _pairs(visit: Visit, key: str, value: str) -> list[tuple[str, str]]:
    return list(zip(visit.all(key), visit.all(value), strict=False))


# ---------------------------------------------------------------------- another value


def edit(visit: Visit) -> Reply:
    """The value in a form. To have it there it is retrieved, which is recorded as a GetSecretValue."""
    secret_id = visit.field("id")
    answer = visit.attempt("secretsmanager", "GetSecretValue", SecretId=secret_id)
    value = None if isinstance(answer, Refused) else shown_of(answer)
    refusal = answer if isinstance(answer, Refused) else None
    # Base64 is no text that somebody would want to have stored as one.
    text = "" if value is None or value.binary else value.text
    return _edit_page(visit, secret_id, text=text, value=value, refusal=refusal)


def _edit_page(visit: Visit, secret_id: str, *, text: str, status: int = 200, **told: Any) -> Reply:
    context: Mapping[str, Any] = {"value": None, "refusal": None, "wrong": None} | told
    pairs = pairs_of(text)
    if pairs is not None and any("\n" in key or "\r" in key for key, _ in pairs):
        pairs = None  # a field of one line cannot hold such a key
    return visit.page(
        "edit.html",
        status=status,
        secret_id=secret_id,
        text=text,
        as_pairs=pairs is not None,
        rows=pairs or [("", "")],
        **context,
    )


def put(visit: Visit) -> Reply:
    """Store another version."""
    secret_id, value = visit.field("id"), value_of(visit)
    if value is None:
        wrong = "A key stands there twice, or a value has no key."
        return _edit_page(visit, secret_id, status=400, text=visit.raw("text"), wrong=wrong)
    try:
        visit.ask("secretsmanager", "PutSecretValue", SecretId=secret_id, SecretString=value)
    except Refused as refusal:
        return _edit_page(visit, secret_id, status=400, text=value, refusal=refusal)
    return visit.go(visit.url("secret", id=secret_id, said="put"))


PAGES = (
    ("GET", "/console/{region}/store", wizard),
    ("POST", "/console/{region}/store", store),
    ("POST", "/console/{region}/secret/edit", edit),
    ("POST", "/console/{region}/secret/put", put),
)
