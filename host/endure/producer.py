"""A program that makes items, told by its arguments: folder, destination, number of the run. It is killed.

Each item's number is written to standard output once it was handed over. The next one is made when it is in
the spool, as events come more slowly than a disk writes.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from pathlib import Path

from device_runtime.delivery.delivery import Delivery
from device_runtime.delivery.destination import parse_destination


def main(folder: str, destination: str, run: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Delivery(parse_destination(destination), Path(folder)) as delivery:
        for n in itertools.count(1):
            delivery.put("event", {"run": int(run), "n": n})
            os.write(1, b"%d\n" % n)
            while delivery.counts().spooled < n:
                time.sleep(0.0002)
            time.sleep(0.002)


if __name__ == "__main__":
    main(*sys.argv[1:])
