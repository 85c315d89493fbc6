"""Rows of a table: a kind of input without files, that lives in the tests alone."""
