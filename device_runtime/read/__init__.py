"""An image of a plate → its text."""
