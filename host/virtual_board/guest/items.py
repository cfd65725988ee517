"""items.py SPOOL DESTINATION PER_SECOND: makes items until it is ended, as a busy board does."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from pathlib import Path

from device_runtime.console import configure_logging
from device_runtime.delivery.delivery import Delivery
from device_runtime.delivery.destination import parse_destination

spool, destination, rate = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
configure_logging()
with Delivery(parse_destination(destination), Path(spool)) as delivery:
    for number in itertools.count(1):
        delivery.put("event", {"number": number, "text": "京A12345", "padding": "x" * 100})
        time.sleep(1 / float(rate))
