"""What the command line offers, for a `--help` that does not wait for torch."""

CRITERIA = ("taylor", "l1", "median", "gates")
OBJECTIVES = ("macs", "size", "latency")
