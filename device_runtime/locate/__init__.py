"""Where the plate is in a frame."""
