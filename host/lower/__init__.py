"""The network → a Relax module of kernels."""
