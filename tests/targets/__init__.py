"""Real servers whose passwords and keys are rotated: started once a session, on free loopback ports, stopped by pid.

Importing this package lets tests import the drivers that ready-made functions are packed with.
"""

from __future__ import annotations

import sys

from strongroom.cli.drivers import PLACE

if PLACE.is_dir() and str(PLACE) not in sys.path:
    sys.path.append(str(PLACE))
