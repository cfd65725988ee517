"""The network in PyTorch: rendered plates, training, evaluation."""
