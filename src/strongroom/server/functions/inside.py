"""The first program in a function's process: unpacks its code, gives up every right, and becomes the function.

It runs alone, with the standard library of whatever Python the function has, so it imports nothing of ours.
Everything it needs comes over one inherited descriptor, a memory file without a name::

    8 bytes, big-endian: length of the head | head, JSON | the zips one after another

Source: capabilities(7), setresuid(2): leaving uid 0 by setresuid gives up all capabilities.
"""

import contextlib
import ctypes
import io
import json
import os
import resource
import struct
import sys
import time
import zipfile

_PR_SET_NO_NEW_PRIVS = 38
_MOST_FILES = 1024
_CHUNK = 1 << 20
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_OTHER = 0
_LONGEST_TURN_NS = 100_000_000
_TRIES, _PAUSE_S = 10, 0.02


def main() -> None:
    """Read the orders, unpack, give up rights, become the function."""
    head, zips = _orders(int(sys.argv[1]))
    os.umask(0o022)
    _stand_back(head["nice"], head["group_nice"])
    left = head["unpacked_bytes"]
    for (_, place), packed in zip(head["zips"], zips, strict=True):
        left = _unpack(packed, place, left)
    _limit(head)
    if head["uid"] is not None:
        os.setgroups([])
        os.setresgid(head["uid"], head["uid"], head["uid"])
        os.setresuid(head["uid"], head["uid"], head["uid"])
    if ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no_new_privs")
    os.chdir(head["task_root"])
    os.execve(head["argv"][0], head["argv"], head["environment"])  # noqa: S606  it becomes the function


def _stand_back(nice: int, group_nice: int) -> None:
    """Leave the processor to the server. Where the kernel groups processes by session (sched(7), autogroup), each
    function is a group of its own, and only the group's nice value counts against the server's.

    Turns at the processor are as long as they may be: a process that wakes and asks for shorter ones, as every other
    does, then need not wait for the end of a function's. Kernels before 6.12 do not heed it.
    Source: sched_setattr(2), sched_runtime; Linux, Documentation/scheduler/sched-eevdf.
    """
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is not None:
        wanted = struct.pack("IIQiIQQQ", 48, _SCHED_OTHER, 0, nice, 0, _LONGEST_TURN_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, wanted, 0)
    with contextlib.suppress(OSError):
        _stand_back_as_group(group_nice)


def _stand_back_as_group(nice: int) -> None:
    """Where the server has not done it. Without its rights the kernel takes one change in a tenth of a second of all
    processes together, so that functions that start at once have to ask again."""
    group = os.open("/proc/self/autogroup", os.O_RDWR)
    try:
        for _ in range(_TRIES):
            if os.pread(group, 64, 0).split()[-1:] == [str(nice).encode()]:
                return
            with contextlib.suppress(BlockingIOError):
                os.pwrite(group, str(nice).encode(), 0)
                return
            time.sleep(_PAUSE_S)
    finally:
        os.close(group)


def _orders(descriptor: int) -> tuple[dict, list[bytes]]:  # type: ignore[type-arg]  # JSON
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        head = json.loads(file.read(int.from_bytes(file.read(8), "big")))
        zips = [file.read(length) for length, _ in head["zips"]]
    os.closerange(3, 1024)  # whatever else was inherited is not for the function
    return head, zips


def _unpack(packed: bytes, place: str, left: int) -> int:
    """Unpack one zip; how many bytes may still follow. Ends the process where there are more than may be."""
    os.makedirs(place, exist_ok=True)  # noqa: PTH103  no more imports than needed: this is a cold start's way
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for entry in archive.infolist():
            target = archive.extract(entry, place) if entry.is_dir() else _target(entry.filename, place)
            if entry.is_dir():
                continue
            with archive.open(entry) as source, open(target, "wb") as file:  # noqa: PTH123
                while chunk := source.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        sys.exit("the code is larger unpacked than it may be")
                    file.write(chunk)
            os.chmod(target, 0o755 if entry.external_attr >> 16 & 0o111 else 0o644)  # noqa: PTH101
    return left


def _target(name: str, place: str) -> str:
    """Where a file of the zip goes; parts that would lead out of the place are left out, as zipfile does."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    target = os.path.join(place, *parts)  # noqa: PTH118
    os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
    return target


def _limit(head: dict) -> None:  # type: ignore[type-arg]  # JSON
    """Bounds that the kernel keeps for us. RLIMIT_DATA counts what a process may write to, in all its threads."""
    for name, value in head["limits"].items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (most, most))


if __name__ == "__main__":
    main()
