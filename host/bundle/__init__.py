"""A folder that a board trusts: written whole or not at all, with golden outputs and a manifest."""
