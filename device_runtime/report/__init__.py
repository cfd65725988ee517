"""What a run measured, as a file."""
