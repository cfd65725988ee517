"""LPRNet, its alphabet, and checkpoints on disk."""
