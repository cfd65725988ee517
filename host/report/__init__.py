"""Reports from boards, side by side: a table on the terminal and one HTML page."""
