"""The network as values, in floats and in integers; no TVM."""
