"""OpenID Connect providers: whose tokens AssumeRoleWithWebIdentity takes, and for which audiences.

Nothing is fetched here: where AWS looks up a missing thumbprint, the list stays empty, and the system's CAs vouch.
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.kernel.call import Answer, Call, Target
from strongroom.kernel.registry import Mode, everything
from strongroom.kernel.storage.port import Transaction
from strongroom.services.iam import making, targets
from strongroom.services.iam.errors import EntityAlreadyExistsException, NoSuchEntityException
from strongroom.services.iam.principals import GENERATION
from strongroom.services.iam.room import operation
from strongroom.services.iam.rules import issuers, quotas, tagging
from strongroom.services.iam.store import openid_providers, tags
from strongroom.services.iam.store.openid_providers import Provider


def to_be_made(call: Call, tx: Transaction) -> Target:  # noqa: ARG001
    """The ARN that a new provider will have."""
    arn = issuers.provider_arn(call.account, issuers.issuer_of(call["Url"]))
    return Target(arn=arn, account=call.account, named=arn)


def at_provider(call: Call, tx: Transaction) -> Target:
    """The provider of ``OpenIDConnectProviderArn``."""
    return _target(call, tx, missing=True)


def _at_provider_or_none(call: Call, tx: Transaction) -> Target:
    return _target(call, tx, missing=False)


def _target(call: Call, tx: Transaction, *, missing: bool) -> Target:
    arn: str = call["OpenIDConnectProviderArn"]
    issuers.refuse_other_arn(arn)
    found = openid_providers.find(tx, arn)
    if found is not None and found.account != call.account:
        found = None
    if found is None:
        none = NoSuchEntityException(f"OpenIDConnect Provider not found for arn {arn}") if missing else None
        return Target(arn=arn, account=call.account, named=arn, missing=none)
    facts = tagging.resource_keys(tags.of(tx, arn))
    return Target(arn=arn, account=call.account, found=found, named=arn, facts=facts)


@operation("CreateOpenIDConnectProvider", mode=Mode.WRITE, locate=to_be_made, keys=targets.tags_asked)
def create_openid_connect_provider(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """Trust the tokens of one issuer. Source: API reference, CreateOpenIDConnectProvider."""
    issuer = issuers.issuer_of(call["Url"])
    present = openid_providers.of_account(tx, call.account)
    if issuer in (one.issuer for one in present):
        raise EntityAlreadyExistsException(f"Provider with url https://{issuer} already exists.")
    quotas.refuse_above(quotas.OPENID_PROVIDERS, len(present) + 1)
    client_ids = tuple(dict.fromkeys(call.get("ClientIDList", ())))
    quotas.refuse_above(quotas.CLIENT_IDS, len(client_ids))
    one = Provider(
        arn=issuers.provider_arn(call.account, issuer),
        account=call.account,
        issuer=issuer,
        created=call.now,
        client_ids=client_ids,
        thumbprints=issuers.thumbprints(call.get("ThumbprintList", ())),
    )
    openid_providers.add(tx, one)
    making.tag_new(call, tx, one)
    tx.raise_generation(call.account, GENERATION)
    return {"OpenIDConnectProviderArn": one.arn, **_tags(tx, one)}


@operation("GetOpenIDConnectProvider", mode=Mode.READ, locate=at_provider)
def get_openid_connect_provider(call: Call, one: Provider, tx: Transaction) -> Answer:  # noqa: ARG001
    """One provider; its URL without the scheme, as AWS shows it. Source: API reference."""
    return {
        "Url": one.issuer,
        "ClientIDList": list(one.client_ids),
        "ThumbprintList": list(one.thumbprints),
        "CreateDate": one.created,
        **_tags(tx, one),
    }


@operation("ListOpenIDConnectProviders", mode=Mode.READ, locate=everything)
def list_openid_connect_providers(call: Call, found: None, tx: Transaction) -> Answer:  # noqa: ARG001
    """The ARNs of the account's providers. Source: API reference, ListOpenIDConnectProviders: no pages."""
    listed = openid_providers.of_account(tx, call.account)
    return {"OpenIDConnectProviderList": [{"Arn": one.arn} for one in listed]}


@operation("AddClientIDToOpenIDConnectProvider", mode=Mode.WRITE, locate=at_provider)
def add_client_id(call: Call, one: Provider, tx: Transaction) -> Answer:
    """Take tokens for one more audience; again changes nothing. Source: API reference."""
    client_ids = tuple(dict.fromkeys((*one.client_ids, call["ClientID"])))
    quotas.refuse_above(quotas.CLIENT_IDS, len(client_ids))
    return _saved(call, replace(one, client_ids=client_ids), tx)


@operation("RemoveClientIDFromOpenIDConnectProvider", mode=Mode.WRITE, locate=at_provider)
def remove_client_id(call: Call, one: Provider, tx: Transaction) -> Answer:
    """Take no more tokens for an audience; again changes nothing. Source: API reference."""
    kept = tuple(each for each in one.client_ids if each != call["ClientID"])
    return _saved(call, replace(one, client_ids=kept), tx)


@operation("UpdateOpenIDConnectProviderThumbprint", mode=Mode.WRITE, locate=at_provider)
def update_openid_connect_provider_thumbprint(call: Call, one: Provider, tx: Transaction) -> Answer:
    """Other thumbprints instead of those there. Source: API reference."""
    return _saved(call, replace(one, thumbprints=issuers.thumbprints(call["ThumbprintList"])), tx)


@operation("DeleteOpenIDConnectProvider", mode=Mode.WRITE, locate=_at_provider_or_none)
def delete_openid_connect_provider(call: Call, one: Provider | None, tx: Transaction) -> Answer:
    """Trust an issuer no more; one that is not there is no error. Source: API reference: idempotent."""
    if one is not None:
        tags.remove_all(tx, one.id)
        openid_providers.remove(tx, one)
        tx.raise_generation(call.account, GENERATION)
    return {}


def _saved(call: Call, one: Provider, tx: Transaction) -> Answer:
    openid_providers.save(tx, one)
    tx.raise_generation(call.account, GENERATION)
    return {}


def _tags(tx: Transaction, one: Provider) -> dict[str, object]:
    held = tags.of(tx, one.id)
    return {"Tags": tagging.wire_form(held)} if held else {}
