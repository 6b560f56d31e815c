"""Rotation at the console, with functions that really run; and the dashboard that tells what fails."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, date, datetime, timedelta

import pytest

from strongroom.console.pages.charts import by_month, calendar, timeline
from strongroom.console.pages.dashboard import certificate_concerns
from tests.console.conftest import World
from tests.rotation.rotators import misbehaving, rotator, until

REGION = "us-east-1"
SECRET = f"/console/{REGION}/secret"
DASHBOARD = f"/console/{REGION}/dashboard"

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not on this machine")


def test_a_rotation_is_configured_rehearsed_and_run(world: World) -> None:
    client = world.account.client("secretsmanager")
    client.create_secret(Name="db", SecretString="first")
    function = rotator(world.account)
    browser = world.signed_in()
    assert "Rotation is off." in browser.get(f"{SECRET}?id=db&tab=rotation").text

    page = browser.post(f"{SECRET}/rotation", id="db", function=function, every_days="7")
    assert "The rotation was configured." in page.text
    until(lambda: "succeeded" in browser.get(f"{SECRET}?id=db&tab=rotation").text, "the rehearsal")
    assert "first" == client.get_secret_value(SecretId="db")["SecretString"]

    page = browser.post(f"{SECRET}/rotate", id="db")
    assert "The rotation has begun." in page.text
    until(lambda: client.get_secret_value(SecretId="db")["SecretString"] != "first", "the rotation")
    page = browser.get(DASHBOARD)
    assert "1 secrets with rotation" in page.text
    until(lambda: 'id="timeline-table"' in browser.get(DASHBOARD).html, "the past rotation in the picture")
    assert 'id="calendar-table"' in browser.get(DASHBOARD).html
    history = browser.get(f"{SECRET}?id=db&tab=rotation").text.partition("Rotations of the last 30 days")[2]
    assert "UTC succeeded" in history
    assert "Succeeded Failed" in history, "the table behind the secret's own picture"
    page = browser.post(f"{SECRET}/rotation-off", id="db")
    assert "Rotation is off." in page.text


def test_a_rotation_that_fails_says_why_and_is_abandoned(world: World) -> None:
    client = world.account.client("secretsmanager")
    client.create_secret(Name="db", SecretString="first")
    function = rotator(world.account, code=misbehaving('raise ValueError("the driver said no")'))
    browser = world.signed_in()
    browser.post(f"{SECRET}/rotation", id="db", function=function, every_days="30", at_once="true")

    until(lambda: "the driver said no" in browser.get(f"{SECRET}?id=db&tab=rotation").text, "a failed attempt")

    dashboard = browser.get(DASHBOARD)
    assert "The rotation of db fails" in dashboard.text
    assert "None among the newest 100 events." in dashboard.text
    page = browser.post(f"{SECRET}/abandon", id="db", sure="true")
    assert "The rotation was abandoned." in page.text, page.text
    assert "first" == client.get_secret_value(SecretId="db")["SecretString"]


def test_the_dashboard_names_keys_near_deletion_and_secrets_that_nobody_reads(world: World) -> None:
    kms = world.account.client("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=30)
    client = world.account.client("secretsmanager")
    client.create_secret(Name="forgotten", SecretString="x")
    browser = world.signed_in()
    page = browser.get(DASHBOARD)
    assert f"The key {key_id} will be deleted" in page.text
    assert "Nobody reads" not in page.text

    world.server.advance(timedelta(days=91))

    page = world.signed_in().get(DASHBOARD)
    assert "Nobody reads forgotten" in page.text


def test_the_calendar_counts_each_day_and_draws_it_within_the_picture() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    chart = calendar({date(2026, 1, 31): 1, date(2026, 2, 1): 2, date(2026, 3, 2): 5}, now)

    assert [("2026-01-31", 1), ("2026-02-01", 2)] == [(one.label, one.count) for one in chart.bars if one.count]
    assert all(0 <= one.y <= 120 and 0 <= one.x < chart.width for one in chart.bars)
    assert (30, 3) == (len(chart.slots), chart.total)


def test_the_time_line_stacks_what_failed_on_what_succeeded() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ended = [
        {"when": now, "good": True},
        {"when": now, "good": False},
        {"when": now - timedelta(days=31), "good": True},
    ]

    drawn = [one for one in timeline(ended, now).bars if one.count]

    assert [("2026-03-01", True, 1), ("2026-03-01", False, 1)] == [(one.label, one.good, one.count) for one in drawn]
    assert drawn[0].y == drawn[1].y + drawn[1].height


def test_denied_calls_stand_on_the_dashboard(world: World) -> None:
    world.user("ann")
    world.signed_in("ann")

    text = world.signed_in().get(DASHBOARD).text.partition("Denied calls of late")[2]

    assert "ann ListSecrets" in text


def test_months_are_counted_over_the_turn_of_the_year() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    moments = [now, datetime(2025, 4, 1, tzinfo=UTC), datetime(2025, 3, 31, tzinfo=UTC)]

    chart = by_month(moments, now)

    assert [("2025-04", 1), ("2026-03", 1)] == [(one.label, one.good) for one in chart.slots if one.good]
    assert 12 == len(chart.slots)


@pytest.mark.parametrize(("days", "severe"), [(31, None), (29, False), (13, True), (-1, True)])
def test_a_certificate_is_a_concern_when_its_end_is_near(days: int, severe: bool | None) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    found = certificate_concerns({"server": now + timedelta(days=days)}, "/console", now)

    assert ([] if severe is None else [severe]) == [one.severe for one in found]


def test_reads_denials_and_key_rotations_are_drawn_with_a_table_behind_each(world: World) -> None:
    client = world.account.client("secretsmanager")
    client.create_secret(Name="read", SecretString="x")
    for _ in range(3):
        client.get_secret_value(SecretId="read")
    kms = world.account.client("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.rotate_key_on_demand(KeyId=key_id)
    world.user("ann")
    world.signed_in("ann")  # whose first page, the list, is denied
    browser = world.signed_in()
    browser.post(f"{SECRET}/reveal", id="read")
    assert world.server.worker.asgi.engine.metering.flush().wait(60)  # type: ignore[attr-defined]

    page = browser.get(DASHBOARD)

    calls = page.html.partition('id="calls-table"')[2].partition("</table>")[0]
    assert ["4", "1"] == re.findall(r"<td>(\d+)</td>", calls), calls
    keys = page.html.partition('id="key-rotations-table"')[2].partition("</table>")[0]
    assert ["1"] == re.findall(r"<td>(\d+)</td>", keys), keys
    own = browser.get(f"/console/{REGION}/key?id={key_id}")
    assert 'aria-labelledby="key-rotations"' in own.html
    assert "ON_DEMAND" in own.text
    for title in re.findall(r'<svg[^>]*aria-labelledby="([^"]+)"', page.html + own.html):
        assert f'<title id="{title}">' in page.html + own.html
        assert f'id="{title}-table"' in page.html + own.html


def test_who_may_not_read_the_metrics_is_told_so_on_the_dashboard(world: World) -> None:
    world.user("ann", {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"})
    assert "You may not read the metrics" in world.signed_in("ann").get(DASHBOARD).text
