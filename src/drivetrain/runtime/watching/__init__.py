"""A service watched: its answers compared with those of the validation rows."""
