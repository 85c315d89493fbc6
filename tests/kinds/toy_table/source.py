"""Rows of a table as the source of rows; all else is as it is for most kinds."""
