"""What keeps a run going for a year, and lets others look at it: systemd, health, live view, questions."""
