"""The compiled network, through TVM's C ABI."""
