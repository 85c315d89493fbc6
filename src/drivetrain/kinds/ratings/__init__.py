"""Ratings and events as a kind of input: who had to do with which item, and how much it pleased."""
