"""The study's table: what pruning, quantization and compilation each bring, and all of them together."""
