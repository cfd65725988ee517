"""Scripts that run on an emulated board."""
