"""A Relax module → a shared library for the board."""
