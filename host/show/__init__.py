"""What boards have measured and seen, for people: an HTML file, live pages, a table on the terminal.

reports · health · events · evaluations ──▶ charts and tables ──▶ templates/ ──▶ a file (page.py)
                                                                          └──▶ live pages (web.py)
"""
