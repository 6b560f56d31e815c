"""What an import costs a secret, in this process: the chain, the write queue, the store and the journal.

    PYTHONPATH=src python -m bench.imports --secrets 20000 --profile

Lines as ``bench.sizes`` writes them go in batches as ``strongroom import`` sends them. The cheap batches are told
beside the median: on a shared machine the others tell how busy its neighbours are. ``--profile`` tells what the time
is spent on.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench import machine
from bench.house import LINES, House
from bench.sizes import line


def measured(house: House, count: int) -> list[float]:
    """The microseconds of processor a secret of each batch."""
    taken = [seconds / LINES * 1e6 for seconds in house.imports([line(number) for number in range(count)])]
    return sorted(taken)


def main() -> int:
    """Run it."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--secrets", type=int, default=20_000)
    read.add_argument("--profile", action="store_true")
    read.add_argument("--sort", default="tottime", help="how the profile is sorted (pstats)")
    given = read.parse_args()
    count = given.secrets // LINES * LINES
    print("machine:", machine.describe())
    with tempfile.TemporaryDirectory(prefix="strongroom-imports-") as folder:
        house = House(Path(folder) / "data")
        gc.freeze()  # as the server does
        before, writer = cProfile.Profile(), cProfile.Profile()
        if given.profile:
            _profile_the_writer(house, writer)
            before.enable()
        begun = time.perf_counter()
        taken = measured(house, count)
        before.disable()
        wall = time.perf_counter() - begun
        low, median = (taken[int(len(taken) * part)] for part in (0.1, 0.5))
        print(
            f"{count:,} secrets: {low:.0f} us of processor each (one batch in 10), {median:.0f} us (half); "
            f"{wall / count * 1e6:.0f} us of time"
        )
        house.close()
        if given.profile:
            for told, profile in (("before its turn", before), ("in the writer's place", writer)):
                print(told)
                pstats.Stats(profile).sort_stats(given.sort).print_stats(60)
    gc.collect()
    return 0


def _profile_the_writer(house: House, profile: cProfile.Profile) -> None:
    """Have the write queue's thread profiled from its next call on."""
    began = threading.Event()

    def begin(_: object) -> None:
        profile.enable()
        began.set()
        raise RuntimeError("nothing is to be written")

    house.opened.queue.submit(begin, lambda _: None)  # type: ignore[arg-type]
    began.wait(10)


if __name__ == "__main__":
    sys.exit(main())
