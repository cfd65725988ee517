"""Structured pruning: channels leave the network, and the dense kernels get smaller.

torch-pruning and the like are not used. They trace which tensors a channel runs through, and LPRNet has two
places where the answer is not a set of equal slices: a pool that passes on some of the channels while a
context sees all of them, and four contexts in one 1×1 convolution. What such a tracer finds there would
have to be corrected by hand, and the network's shape is known: `channels.py` says in one table what reads
each map.
"""
