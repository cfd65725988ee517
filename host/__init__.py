"""What runs on the developer's machine: from weights to a bundle, and from reports to a page."""
