"""Ready-made rotation of SSH keys on a real sshd."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.rotations.errors import RotationError
from tests.engines.plans import Alone, turned
from tests.engines.rotating import Rotating
from tests.targets.openssh import SSHTarget, key_pair


def plan(**settings: Any) -> Any:
    """The plan, with tools of its own."""
    from strongroom.rotations.engines.ssh import plan  # noqa: PLC0415  after the drivers' place is known

    return plan(Alone(**settings))


def test_the_key_before_the_current_lives_until_the_next_rotation(ssh_target: SSHTarget) -> None:
    first = ssh_target.make_key()
    second = turned(plan(), first)
    assert [True, True] == [ssh_target.opens(value) for value in (second, first)]
    third = turned(plan(), second, first)
    assert [True, True, False] == [ssh_target.opens(value) for value in (third, second, first)]
    lines = ssh_target.authorized.read_text().splitlines()
    assert ("# kept", True, 4) == (lines[0], lines[1].endswith("somebody else's"), len(lines))
    assert 0o640 == ssh_target.authorized.stat().st_mode & 0o777


def test_the_old_key_can_end_at_once(ssh_target: SSHTarget) -> None:
    first = ssh_target.make_key()
    second = turned(plan(KEEP_PREVIOUS="false"), first)
    assert [True, False] == [ssh_target.opens(value) for value in (second, first)]


def test_a_previous_version_that_was_no_key_stops_nothing(ssh_target: SSHTarget) -> None:
    for before in ({"\0bare": "placeholder"}, {"private_key": "none"}):
        assert ssh_target.opens(turned(plan(), ssh_target.make_key(), before))


def test_the_new_key_has_the_options_of_the_old(ssh_target: SSHTarget) -> None:
    options = 'from="127.0.0.1,::1",no-port-forwarding,environment="A=b c"'
    first = ssh_target.make_key(options=options, comment="the app's own")
    second = turned(plan(KEEP_PREVIOUS="false"), first)
    assert f"{options} {second['public_key']} the app's own" == ssh_target.authorized.read_text().splitlines()[-1]


def test_a_server_with_another_key_is_not_talked_to(ssh_target: SSHTarget) -> None:
    first = ssh_target.make_key() | {"host_key": key_pair()[1]}
    with pytest.raises(RotationError, match=r"could not connect to 127\.0\.0\.1:.*Host key .* does not match"):
        plan().test(first)


def test_refused_and_unreachable_are_told_apart(ssh_target: SSHTarget) -> None:
    first = ssh_target.make_key()
    with pytest.raises(RotationError, match=r"the login as .* was refused: Authentication failed"):
        plan().test(first | {"private_key": key_pair()[0]})
    with pytest.raises(RotationError, match=r"could not connect to 127\.0\.0\.1:1"):
        plan().test(first | {"port": 1})


def test_a_key_that_is_let_in_from_elsewhere_is_found_in_a_rehearsal(ssh_target: SSHTarget) -> None:
    first = ssh_target.make_key()
    assert [""] == sorted({found.mend for found in plan().rehearse(first, None)})
    before = ssh_target.authorized.read_text()
    assert before == ssh_target.authorized.read_text()


def test_a_key_rotates_end_to_end(rotating: Rotating, ssh_target: SSHTarget) -> None:
    first = ssh_target.make_key()
    rotating.make("deploy", first)
    value = rotating.enable("deploy", "ssh")
    assert value["private_key"] != first["private_key"]
    assert ssh_target.opens(value)
