"""What deliveries and cameras have to bear, here: bad lines, kills, servers that come and go."""
