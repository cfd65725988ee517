"""A fleet of simulated boards, of the client code that real ones run, and a collector under their load."""
