"""Structured pruning: channels leave the network, and the dense kernels get smaller.

torch-pruning and the like are not used. They find out by tracing which tensors a channel runs through, for
any network. This is one network, and `channels.py` says in one table what reads each map: a pool that passes
on some of the channels while a context sees all of them, and four contexts in one 1×1 convolution. That is
shorter than describing those two places to a tracer, and can be read.
"""
