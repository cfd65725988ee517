"""What boards have measured and seen, for people: an HTML file, live pages, a table on the terminal.

reports · health · events · evaluations ──▶ sections of charts and tables ──▶ templates/ ──▶ a file (file.py)
                                                                                  └──▶ live pages (live/)
"""
