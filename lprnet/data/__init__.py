"""Samples: real crops, rendered plates and mixtures of both."""
