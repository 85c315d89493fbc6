"""Curves in `.npy` files as a kind of input: as little as a kind can be, and no part of drivetrain."""
