"""From frames to events: plates are followed, their readings voted on, and each passage told once."""
