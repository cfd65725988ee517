"""How well a checkpoint reads, and how rendered plates look."""
