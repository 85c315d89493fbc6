"""The report as a page: one HTML file with its pictures inside."""
