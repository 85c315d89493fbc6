"""Curves in .npy files: a kind of input that lives in the tests alone."""
