"""Brings bundles onto boards over ssh, one board or a fleet, and takes them back where they fail."""
