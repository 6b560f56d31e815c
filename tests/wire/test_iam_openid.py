"""OpenID Connect providers with stock boto3."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.wire.test_iam_users import policy, refused, user_client

from strongroom.kernel.storage.port import Store

GITHUB = "https://token.actions.githubusercontent.com"
PRINT = "990f4193972f2becf12ddeda5237f9c952f20d9e"


@pytest.fixture
def iam(account: Account) -> Any:
    """The administrator's client."""
    return account.client("iam")


def test_a_provider_is_made_shown_and_listed(account: Account, iam: Any) -> None:
    tags = [{"Key": "Team", "Value": "blue"}]
    made = iam.create_open_id_connect_provider(
        Url=GITHUB, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[PRINT.upper()], Tags=tags
    )
    arn = f"arn:aws:iam::{account.id}:oidc-provider/token.actions.githubusercontent.com"
    shown = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)

    assert (arn, tags) == (made["OpenIDConnectProviderArn"], made["Tags"])
    assert ("token.actions.githubusercontent.com", ["sts.amazonaws.com"], [PRINT], tags) == tuple(
        shown[member] for member in ("Url", "ClientIDList", "ThumbprintList", "Tags")
    )
    assert [{"Arn": arn}] == iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]


def test_an_issuer_is_registered_once(iam: Any) -> None:
    iam.create_open_id_connect_provider(Url=GITHUB)

    wanted = ("EntityAlreadyExists", f"Provider with url {GITHUB} already exists.", 409)
    assert wanted == refused(iam.create_open_id_connect_provider, Url=GITHUB)
    assert "ValidationError" == refused(iam.create_open_id_connect_provider, Url="http://example.com")[0]


def test_audiences_and_thumbprints_change_and_repeating_changes_nothing(iam: Any) -> None:
    arn = iam.create_open_id_connect_provider(Url=GITHUB, ClientIDList=["a"])["OpenIDConnectProviderArn"]
    one = {"OpenIDConnectProviderArn": arn}
    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(**one, ClientID="b")
        iam.remove_client_id_from_open_id_connect_provider(**one, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(**one, ThumbprintList=[PRINT])
    shown = iam.get_open_id_connect_provider(**one)

    assert (["b"], [PRINT]) == (shown["ClientIDList"], shown["ThumbprintList"])


def test_a_hundred_audiences_and_no_more(iam: Any) -> None:
    audiences = [f"audience-{at}" for at in range(100)]
    arn = iam.create_open_id_connect_provider(Url=GITHUB, ClientIDList=audiences)["OpenIDConnectProviderArn"]
    params = {"OpenIDConnectProviderArn": arn, "ClientID": "one-more"}

    assert "LimitExceeded" == refused(iam.add_client_id_to_open_id_connect_provider, **params)[0]


def test_a_provider_that_is_gone_is_not_found_and_may_go_twice(iam: Any) -> None:
    one = {"OpenIDConnectProviderArn": iam.create_open_id_connect_provider(Url=GITHUB)["OpenIDConnectProviderArn"]}
    iam.tag_open_id_connect_provider(**one, Tags=[{"Key": "a", "Value": "b"}])
    for _ in range(2):
        iam.delete_open_id_connect_provider(**one)

    text = f"OpenIDConnect Provider not found for arn {one['OpenIDConnectProviderArn']}"
    assert ("NoSuchEntity", text, 404) == refused(iam.get_open_id_connect_provider, **one)
    assert "ValidationError" == refused(iam.delete_open_id_connect_provider, OpenIDConnectProviderArn="x" * 20)[0]
    iam.create_open_id_connect_provider(Url=GITHUB)
    assert [] == iam.list_open_id_connect_provider_tags(**one)["Tags"], "tags do not outlive their provider"


def test_tags_of_providers_decide(account: Account, iam: Any) -> None:
    one = {"OpenIDConnectProviderArn": iam.create_open_id_connect_provider(Url=GITHUB)["OpenIDConnectProviderArn"]}
    condition = {"StringEquals": {"aws:ResourceTag/Team": "blue"}}
    allow = {"Effect": "Allow", "Action": "iam:*OpenIDConnect*", "Resource": "*", "Condition": condition}
    client = user_client(account, iam, "iam", "ann", p=policy(allow))
    assert "AccessDenied" == refused(client.get_open_id_connect_provider, **one)[0]

    iam.tag_open_id_connect_provider(**one, Tags=[{"Key": "team", "Value": "blue"}])
    assert client.get_open_id_connect_provider(**one)["Tags"]
    iam.untag_open_id_connect_provider(**one, TagKeys=["TEAM"])
    assert "AccessDenied" == refused(client.get_open_id_connect_provider, **one)[0]


def test_tags_at_birth_need_a_permission_of_their_own(account: Account, iam: Any) -> None:
    allow = {"Effect": "Allow", "Action": "iam:CreateOpenIDConnectProvider", "Resource": "*"}
    client = user_client(account, iam, "iam", "ann", p=policy(allow))
    tags = [{"Key": "a", "Value": "b"}]

    code, text, _ = refused(client.create_open_id_connect_provider, Url=GITHUB, Tags=tags)
    assert ("AccessDenied", True) == (code, "iam:TagOpenIDConnectProvider" in text)
    assert [] == iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]


def test_another_account_cannot_reach_a_provider(strongroom: InProcess, iam: Any) -> None:
    one = {"OpenIDConnectProviderArn": iam.create_open_id_connect_provider(Url=GITHUB)["OpenIDConnectProviderArn"]}
    other = strongroom.account().client("iam")

    assert [] == other.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert "NoSuchEntity" == refused(other.get_open_id_connect_provider, **one)[0]
    other.delete_open_id_connect_provider(**one)
    assert iam.get_open_id_connect_provider(**one)


def test_other_rooms_learn_of_a_provider_by_its_issuer_until_it_is_gone(
    strongroom: InProcess, account: Account, iam: Any
) -> None:
    engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
    store: Store = engine.store
    principals = engine.chain.principals
    arn = iam.create_open_id_connect_provider(Url=GITHUB, ClientIDList=["a"])["OpenIDConnectProviderArn"]

    def told(issuer: str) -> Any:
        with store.read() as tx:
            return principals.openid_provider(tx, account.id, issuer)

    assert (arn, frozenset({"a"})) == (told(GITHUB).arn, told(GITHUB).client_ids)
    assert [None, None] == [told(GITHUB + "/"), told("file:///etc/passwd")]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert told(GITHUB) is None
