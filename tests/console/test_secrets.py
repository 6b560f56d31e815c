"""The pages of secrets: what people do there, and what the operations' records say of it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from tests import journals
from tests.console.conftest import World

REGION = "us-east-1"
LIST = f"/console/{REGION}/secrets"
STORE = f"/console/{REGION}/store"
SECRET = f"/console/{REGION}/secret"


def calls(world: World, name: str) -> list[dict[str, Any]]:
    """The records of one operation in the world's account."""
    found = journals.entries(world.server.settings.data)
    return [one.event for one in found if one.name == name and one.event["recipientAccountId"] == world.account.id]


def secrets(world: World) -> Any:
    """A stock client."""
    return world.account.client("secretsmanager")


# ---------------------------------------------------------------------- the list


def test_the_list_searches_names_descriptions_and_tags_and_shows_its_filters(world: World) -> None:
    client = secrets(world)
    client.create_secret(Name="prod/shop", Description="The shop database", SecretString="x")
    client.create_secret(Name="prod/mail", SecretString="x", Tags=[{"Key": "team", "Value": "post"}])
    client.create_secret(Name="test/shop", SecretString="x")
    browser = world.signed_in()

    def found(query: str) -> list[str]:
        html = browser.get(f"{LIST}?{query}").html
        return [name for name in ("prod/mail", "prod/shop", "test/shop") if f">{name}</a>" in html]

    assert ["prod/mail", "prod/shop", "test/shop"] == found("")
    assert ["prod/shop", "test/shop"] == found("q=shop")
    assert ["prod/shop"] == found("q=database")
    assert ["prod/mail"] == found("q=post")
    assert ["prod/mail", "prod/shop"] == found("f=name%3Aprod")
    assert ["prod/shop"] == found("f=name%3Aprod&q=shop")
    assert ["prod/mail"] == found("key=tag-key&value=team")
    assert [] == found("q=nothing")
    assert "No matches" in browser.get(f"{LIST}?q=nothing").text
    chips = browser.get(f"{LIST}?f=name%3Aprod").html
    assert "Secret name: prod" in chips


def test_the_list_is_sorted_as_asked_and_goes_on_page_by_page(world: World) -> None:
    client = secrets(world)
    for at in range(60):
        client.create_secret(Name=f"s{at:02d}", SecretString="x")
    browser = world.signed_in()

    first = browser.get(f"{LIST}?sort=name&order=desc")
    assert first.html.index(">s59<") < first.html.index(">s58<")
    assert ">s09<" not in first.html
    following = next(part.partition('"')[0] for part in first.html.split('href="') if "token=" in part)
    second = browser.get(following.replace("&amp;", "&"))
    assert ">s09<" in second.html
    assert ">s10<" not in second.html
    assert "First page" in second.text


def test_an_address_that_no_page_made_is_answered_all_the_same(world: World) -> None:
    browser = world.signed_in()
    assert 200 == browser.get(f"{LIST}?sort=evil&order=evil&f=evil&f=evil:x&key=evil&value=x").status
    page = browser.get(f"{LIST}?token=evil")
    assert (400, True) == (page.status, "InvalidNextTokenException" in page.text)


# ---------------------------------------------------------------------- storing


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"kind": "text", "text": "  two\r\nlines "}, "  two\nlines "),
        (
            {"kind": "database", "db_engine": "postgres", "db_username": "u", "db_password": " p ", "db_host": "h"},
            {"engine": "postgres", "username": "u", "password": " p ", "host": "h"},
        ),
        ({"kind": "pairs", "pair_key": "k", "pair_value": "v\u00e9"}, {"k": "v\u00e9"}),
    ],
    ids=["text", "database", "pairs"],
)
def test_each_type_of_secret_is_stored_as_programs_expect_it(world: World, fields: dict[str, str], value: Any) -> None:
    browser = world.signed_in()

    page = browser.post(
        STORE, Name="prod/db", description="d", tag_key="team", tag_value="shop", replica="eu-west-1", **fields
    )

    assert "The secret was stored." in page.text, page.text
    kept = secrets(world).get_secret_value(SecretId="prod/db")["SecretString"]
    assert value == (kept if isinstance(value, str) else json.loads(kept))
    told = secrets(world).describe_secret(SecretId="prod/db")
    assert ("d", [{"Key": "team", "Value": "shop"}]) == (told["Description"], told["Tags"])
    assert ["eu-west-1"] == [one["Region"] for one in told["ReplicationStatus"]]


def test_pairs_that_make_no_object_are_given_back_to_be_mended(world: World) -> None:
    pairs = [("pair_key", "k"), ("pair_value", "1"), ("pair_key", "k"), ("pair_value", "2")]
    page = world.signed_in().post(STORE, *pairs, Name="a", kind="pairs")

    assert (400, True) == (page.status, "A key stands there twice" in page.text)
    assert 'value="a"' in page.html


def test_a_name_that_is_taken_is_told_in_a_sentence_with_awss_code(world: World) -> None:
    secrets(world).create_secret(Name="taken", SecretString="x")

    page = world.signed_in().post(STORE, Name="taken", kind="text", text="y")

    assert "Something of this name is there already" in page.text
    assert "ResourceExistsException" in page.text


def test_a_policy_that_is_refused_leaves_the_secret_and_says_so(world: World) -> None:
    page = world.signed_in().post(STORE, Name="a", kind="text", text="y", policy="{}")

    assert "its resource policy was refused" in page.text
    assert "tab=permissions" in page.where


# ---------------------------------------------------------------------- the value


def test_the_value_is_hidden_until_it_is_asked_for_and_then_recorded(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretString='{"user":"u","password":"canary-1"}')
    browser = world.signed_in()

    assert "canary-1" not in browser.get(f"{SECRET}?id=a").html
    assert [] == calls(world, "GetSecretValue")
    page = browser.post(f"{SECRET}/reveal", id="a")

    assert "canary-1" in page.text
    assert 'data-hide-after="60"' in page.html
    assert "no-store" == page.headers["cache-control"]
    (event,) = calls(world, "GetSecretValue")
    assert ("admin", "true") == (event["userIdentity"]["userName"], event["sessionCredentialFromConsole"])
    assert "canary-1" not in browser.get(f"{SECRET}?id=a").html


def test_a_value_that_is_no_text_is_shown_in_base64(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretBinary=b"\x00\xff")
    assert "AP8=" in world.signed_in().post(f"{SECRET}/reveal", id="a").text


def test_another_value_is_stored_and_versions_differ_by_keys_without_values(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretString='{"user":"u","password":"canary-1","old":"canary-o"}')
    browser = world.signed_in()

    assert "canary-1" in browser.post(f"{SECRET}/edit", id="a").html
    pairs = [("pair_key", "user"), ("pair_value", "u"), ("pair_key", "password"), ("pair_value", "canary-2")]
    page = browser.post(f"{SECRET}/put", *pairs, ("pair_key", "new"), ("pair_value", "n"), id="a", kind="pairs")
    assert "A new version was stored" in page.text
    stages = secrets(world).describe_secret(SecretId="a")["VersionIdsToStages"]
    by_label = {labels[0]: version for version, labels in stages.items()}
    versions = browser.get(f"{SECRET}?id=a&tab=versions")
    assert "AWSCURRENT" in versions.text
    assert "AWSPREVIOUS" in versions.text
    shown = browser.post(f"{SECRET}/compare", id="a", one=by_label["AWSPREVIOUS"], other=by_label["AWSCURRENT"])

    for word in ("Added new", "Removed old", "Changed password", "Unchanged user"):
        assert word in shown.text
    assert "canary" not in shown.html
    page = browser.post(f"{SECRET}/promote", id="a", version=by_label["AWSPREVIOUS"])
    assert "canary-1" in secrets(world).get_secret_value(SecretId="a")["SecretString"]


def test_editing_keeps_lines_within_values_and_a_line_break_at_the_beginning(world: World) -> None:
    """As browsers do: the first line break of a textarea is not its own, and fields of one line have none."""
    key = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"
    secrets(world).create_secret(Name="pairs", SecretString=json.dumps({"key": key}))
    secrets(world).create_secret(Name="text", SecretString="\n  first line empty\n")
    browser = world.signed_in()

    for name in ("pairs", "text"):
        fields = textareas(browser.post(f"{SECRET}/edit", id=name).html)
        kind = {"pairs": {"kind": "pairs", "pair_key": "key", "pair_value": fields["pair_value"]}}
        kind["text"] = {"kind": "text", "text": fields["text"]}
        before = secrets(world).get_secret_value(SecretId=name)
        browser.post(f"{SECRET}/put", id=name, **kind[name])
        after = secrets(world).get_secret_value(SecretId=name)
        assert before["VersionId"] != after["VersionId"]
        same = json.loads if name == "pairs" else str
        assert same(before["SecretString"]) == same(after["SecretString"])


def textareas(html: str) -> dict[str, str]:
    """What a browser would send of each, line ends and all."""
    found = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    return {name: unescape(text).removeprefix("\n").replace("\n", "\r\n") for name, text in found}


def test_a_binary_value_is_not_offered_as_text(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretBinary=b"\x00\xff")
    page = world.signed_in().post(f"{SECRET}/edit", id="a")
    assert "The value is binary." in page.text
    assert "AP8=" not in page.html


# ---------------------------------------------------------------------- the rest of a secret


def test_a_secret_is_deleted_found_again_and_restored(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretString="x")
    browser = world.signed_in()

    page = browser.post(f"{SECRET}/delete", id="a", days="7")
    assert "scheduled for deletion" in page.text
    assert ">a</a>" not in browser.get(LIST).html
    assert ">a</a>" in browser.get(f"{LIST}?scheduled=1").html
    assert "InvalidRequestException" in browser.post(f"{SECRET}/reveal", id="a").text
    page = browser.post(f"{SECRET}/restore", id="a")
    assert "The deletion was cancelled." in page.text
    assert ">a</a>" in browser.get(LIST).html


@pytest.mark.parametrize("days", ["6", "31", "-1", "x", "99999999999999999999"])
def test_a_waiting_period_outside_of_awss_bounds_deletes_nothing_at_once(world: World, days: str) -> None:
    secrets(world).create_secret(Name="a", SecretString="x")
    world.signed_in().post(f"{SECRET}/delete", id="a", days=days)
    deleted = secrets(world).describe_secret(SecretId="a").get("DeletedDate")
    assert deleted is None or deleted - world.server.product.clock() > timedelta(days=7)


def test_description_tags_and_copies_are_changed(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretString="x")
    browser = world.signed_in()

    browser.post(f"{SECRET}/details", id="a", description="said")
    browser.post(f"{SECRET}/tag", id="a", tag_key="k", tag_value="v")
    browser.post(f"{SECRET}/replicate", id="a", to_region="eu-west-1")
    told = secrets(world).describe_secret(SecretId="a")
    assert ("said", [{"Key": "k", "Value": "v"}]) == (told["Description"], told["Tags"])
    copies = browser.get(f"{SECRET}?id=a&tab=replication")
    assert "InSync" in copies.text
    assert "This is a replica" in browser.get("/console/eu-west-1/secret?id=a").text
    browser.post(f"{SECRET}/untag", id="a", tag_key="k")
    browser.post(f"{SECRET}/replica-drop", id="a", to_region="eu-west-1")
    told = secrets(world).describe_secret(SecretId="a")
    assert not told.get("Tags")
    assert not told.get("ReplicationStatus")


def test_a_policy_is_checked_stored_shown_and_taken_away(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretString="x")
    world.user("ann")
    browser = world.signed_in()
    arn = f"arn:aws:iam::{world.account.id}:user/ann"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    assert "Syntax errors in policy" in browser.post(f"{SECRET}/policy", id="a", policy="{", only="check").text
    assert "Nothing is wrong" in browser.post(f"{SECRET}/policy", id="a", policy=policy, only="check").text
    assert "ResourcePolicy" not in secrets(world).get_resource_policy(SecretId="a")
    assert arn not in browser.get(f"{SECRET}?id=a&tab=permissions").text
    page = browser.post(f"{SECRET}/policy", id="a", policy=policy, block_public="true")
    assert "The resource policy was saved." in page.text
    who = page.text.partition("Who can read this secret")[2]
    assert arn in who
    public = policy.replace(json.dumps({"AWS": arn}), '"*"')
    refused = browser.post(f"{SECRET}/policy", id="a", policy=public, block_public="true")
    assert "PublicPolicyException" in refused.text
    assert "ann" not in browser.post(f"{SECRET}/policy-drop", id="a").text.partition("Who can read")[2]


def test_rotation_is_refused_in_words_where_there_is_no_function(world: World) -> None:
    secrets(world).create_secret(Name="a", SecretString="x")
    arn = f"arn:aws:lambda:{REGION}:{world.account.id}:function:none"

    page = world.signed_in().post(f"{SECRET}/rotation", id="a", function=arn, every_days="30")

    assert 400 == page.status
    assert "secretsmanager:RotateSecret" in page.text


def test_sample_code_names_this_server_and_the_secret(world: World) -> None:
    secrets(world).create_secret(Name="prod/db", SecretString="x")
    page = world.signed_in().get(f"{SECRET}?id=prod/db&tab=code")
    for language in ("Python", "JavaScript", "Java", "Go", "Ruby", ".NET", "AWS CLI"):
        assert f"<summary>{language}</summary>" in page.html
    assert page.text.count("prod/db") >= 7
    assert page.text.count(world.server.url) >= 7
    assert "@aws-sdk/client-secrets-manager" in page.text


def test_a_secret_that_is_not_there_is_told_in_a_sentence(world: World) -> None:
    page = world.signed_in().get(f"{SECRET}?id=none")
    assert (404, True) == (page.status, "ResourceNotFoundException" in page.text)


def test_only_the_regions_that_are_served_have_pages(world: World) -> None:
    browser = world.signed_in()
    assert 404 == browser.get("/console/mars-north-1/secrets").status
    assert 200 == browser.get("/console/eu-west-1/secrets").status
