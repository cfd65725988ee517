"""Whole pipelines, from a frame in memory to the texts of its plates, timed in turns.

Each pipeline's module has `load(folder, precision, threads)`, which returns a function from a frame
uint8[H,W,3] BGR to its plates, and `as_input(frames)`, which takes the frame out of uint8[1,H,W,3]. Only
workers import them.
"""
