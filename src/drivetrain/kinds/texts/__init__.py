"""Texts: rows that are cells of a table, or files."""
