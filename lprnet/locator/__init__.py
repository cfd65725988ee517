"""The locator: a small network that finds the four corners of every plate in a picture, in two looks.

The first look sees the whole frame at about 320 × 320 pixels and proposes plates. The second one sees the
surroundings of a proposal at a size at which a plate is 96 pixels wide, with the same trunk and a head of its
own: it says whether there is a plate, and where its corners are.
"""
