"""A convolution's shape, a tile and a microkernel → one TIR function."""
