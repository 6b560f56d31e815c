"""A runner that is killed while it delivers: each event comes at least once, and in order."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from tests.deployment import Deployment
from tests.receivers import Delivery, Receiver

PUTS = 12


def test_after_kill_of_the_runner_each_event_comes_at_least_once_and_in_order(tmp_path: Path) -> None:
    with Receiver(tmp_path / "receiver") as receiver:
        data = tmp_path / "data"
        data.mkdir(mode=0o700)
        (data / "events.toml").write_text(receiver.section(names=["CreateSecret", "PutSecretValue"]))
        held, go_on = threading.Event(), threading.Event()

        def answer(one: Delivery) -> int | None:
            if len(receiver.seen) == 4:  # the runner dies with this one under way
                held.set()
                go_on.wait(60)
                return None
            return 200

        receiver.answer = answer
        with Deployment(data, "--workers", "1", "--tls", "off") as server:
            secrets = server.client("secretsmanager")
            # A webhook begins with what happens once it is known: until then this is sent to nobody.
            for number in range(600):
                secrets.create_secret(Name=f"begin{number}", SecretString="x")
                if receiver.seen:
                    break
                threading.Event().wait(0.1)
            secrets.create_secret(Name="db", SecretString="x")
            tokens = [f"{number:032d}" for number in range(PUTS)]
            for token in tokens:
                secrets.put_secret_value(SecretId="db", SecretString=token, ClientRequestToken=token)
            assert held.wait(60)
            runner = server.children()["runner"]
            os.kill(runner, signal.SIGKILL)
            go_on.set()
            server.wait_replaced("runner", runner, timeout=60.0)
            receiver.wait_for(lambda r: bool(r.taken) and sent(r.taken[-1]) == tokens[-1])
        told = [sent(one) for one in receiver.taken if one.name == "PutSecretValue"]
        assert tokens == sorted(set(told), key=told.index)
        assert told == sorted(told)
        assert all(one.is_signed() for one in receiver.taken)
        under_way = receiver.seen[3].id
        assert len([one for one in receiver.seen if one.id == under_way]) >= 2


def sent(one: Delivery) -> str:
    return str((one.event["detail"]["requestParameters"] or {}).get("clientRequestToken", ""))
