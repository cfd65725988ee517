"""The locator's two networks: FIND finds plates in a frame, REFINE verifies each and finds its corners.

FIND sees the whole frame at about 320 × 320 pixels and proposes plates. REFINE sees a proposal in the middle
of a view of 128 × 64 pixels, cut from the frame at its own resolution. What is done with their outputs is in
`device_runtime.locate`.
"""
