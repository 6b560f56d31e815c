"""``python -m strongroom.cli``: the command line, for when the command itself is not on the path."""

import sys

from strongroom.cli import main

sys.exit(main())
