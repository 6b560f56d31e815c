"""Runs the hostile function as somebody who is not root: a program of its own, started with another uid.

It uses the system's Python and nothing but the sandbox, which needs no package. Prints one JSON object.
"""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

from strongroom.base.running import Event, Program
from strongroom.server.functions.process import FunctionProcess, left_to_functions
from strongroom.server.functions.pythons import Python
from strongroom.server.functions.sandbox import Bubblewrap


def start(slot: int, code: str, packages: list[Path], data: Path) -> FunctionProcess:
    """One process of the hostile function."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("hostile.py", code)
    python = Python("python3", Path(os.path.realpath(sys.executable)), Path(sys.base_prefix), tuple(packages))
    program = Program("hostile", "$LATEST", "python3", "hostile.handler", 128, 64, made.getvalue())
    own = left_to_functions(0)
    return FunctionProcess(program, python, Bubblewrap(data), slot, bundle=b"none\n", stream=f"s{slot}", processors=own)


def main() -> None:
    """Try everything; the tries' answers by name."""
    packages, code, data = json.loads(sys.argv[1])
    problem = Bubblewrap.problem()
    if problem:
        print(json.dumps({"problem": problem}))
        return
    mine, other = (start(slot, code, [Path(one) for one in packages], Path(data)) for slot in (0, 1))

    def ask(process: FunctionProcess, **event: object) -> object:
        done = process.invoke(Event("00000000-0000-4000-8000-000000000000", "arn", json.dumps(event).encode(), 20.0))
        return json.loads(done.payload)

    victim = ask(other, **{"try": "where"})
    assert isinstance(victim, dict)
    found = {name: ask(mine, **{"try": name}) for name in ("where", "processes", "rights", "memory", "forks", "disk")}
    found["ports"] = ask(mine, **{"try": "ports", "api": victim["api"], "id": "x"})
    found["files"] = ask(mine, **{"try": "files", "paths": [data, "/root", "/home", "/tmp/mine"]})
    found["victim"] = ask(other, **{"try": "where"})
    found["same"] = found["victim"] == victim
    for process in (mine, other):
        process.kill()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
