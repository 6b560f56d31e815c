"""The machine that a figure was measured on, in one line."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def describe() -> str:
    """Processor, cores, memory, kernel, interpreter, and how fast a fixed Python loop is just now."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024 // 1024
    return (
        f"{os.cpu_count()} cores of {model}, {memory} GiB, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}; fixed loop {_loop_ms():.1f} ms"
    )


def _loop_ms() -> float:
    best = 1e9
    for _ in range(5):
        start = time.perf_counter()
        total = 0
        for number in range(300_000):
            total += number
        best = min(best, time.perf_counter() - start)
    return best * 1e3
