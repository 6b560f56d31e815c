"""Make a virtual environment where there is none: ``python3 tools/make_venv.py .venv``."""

# Must be readable by a Python that is too old, which is the first thing it checks.
import os
import subprocess
import sys


def main() -> int:
    """Make it, or say why not."""
    where = sys.argv[1]
    if sys.version_info < (3, 11):  # noqa: UP036  it is what this file is for
        print("Strongroom needs Python 3.11 or newer; this is " + sys.version.split()[0], file=sys.stderr)
        print("Name another one: make PY=/path/to/python3.12 ...", file=sys.stderr)
        return 1
    if os.access(os.path.join(where, "bin", "pip"), os.X_OK):  # noqa: PTH118
        return 0
    done = subprocess.run([sys.executable, "-m", "venv", where], check=False)
    if done.returncode != 0:
        print(
            "The virtual environment could not be made. On Debian: apt-get install python3-venv",
            file=sys.stderr,
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
