"""Instructions per inference on emulated ARM boards: ours beside the peers that have wheels for them."""
