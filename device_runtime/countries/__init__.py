"""One file a country: what its plates read, and what they look like (docs/plates.md)."""
