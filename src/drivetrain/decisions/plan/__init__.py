"""The plan: its table, its words, what if, how it is kept."""
