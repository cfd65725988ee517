"""Other runtimes beside ours, timed in turns."""
