"""What is in a bundle, and whether this board may run it."""
