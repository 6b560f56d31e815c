"""What a person does at the console is traced as any other call, and what they see is not."""

from __future__ import annotations

from pathlib import Path

from tests.browsing import Browser
from tests.collectors import Collector
from tests.console.conftest import PASSWORD
from tests.wire.test_traces import traced


def test_a_page_is_told_by_the_calls_that_it_makes(tmp_path: Path) -> None:
    with Collector() as collector, traced(tmp_path, collector) as server:
        account = server.account()
        account.client("iam").create_login_profile(UserName="admin", Password=PASSWORD)
        secrets = account.client("secretsmanager")
        secrets.create_secret(Name="shown", SecretString="canary-of-a-page")
        browser = Browser(server.url)
        assert browser.sign_in(account.id, "admin", PASSWORD).status == 200
        assert "shown" in browser.get("/console/us-east-1/secrets").text
        assert "shown" in browser.get("/console/us-east-1/secret?id=shown").text
        spans = collector.wait_for(lambda spans: any(one.name == "secretsmanager/ListSecrets" for one in spans))
        listed = next(one for one in spans if one.name == "secretsmanager/ListSecrets")
        assert ("", account.id) == (listed.parent, listed.attributes["cloud.account.id"])
        sent = b"".join(collector.raw)
        assert b"canary" not in sent
        assert PASSWORD.encode() not in sent
