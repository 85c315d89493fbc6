"""Rows of numbers drawn as bars: a kind of input that is drawn as pictures, and no part of drivetrain."""
