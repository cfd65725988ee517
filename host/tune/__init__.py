"""The fastest register tile of every convolution, by timing or by counting instructions."""
