"""Instructions of our runtime and others on emulated ARM boards."""
