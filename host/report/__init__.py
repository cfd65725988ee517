"""Reports from boards, side by side: a table for the terminal and one HTML page."""

from host.report.page import render
from host.report.text import table

__all__ = ["render", "table"]
