"""Pictures with license plates in them: endless labelled training data for the locator.

A scene is composed of a background (drawn, a frame of a ride, or any picture), distractors that look like
plates but are none, and rendered plates; then a camera takes it. `generator.Generator` numbers scenes and
views: number *i* of a seed is always the same.

Coordinates are pixels of the picture, continuous: its top left corner is (0, 0), and the centre of its first
pixel (0.5, 0.5).
"""
