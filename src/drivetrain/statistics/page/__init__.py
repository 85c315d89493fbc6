"""The answers as a page: one HTML file with its figures inside."""
