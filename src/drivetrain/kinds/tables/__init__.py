"""Rows of a table as a kind of input: numbers, categories, dates; a gap is information, a new category no error."""
