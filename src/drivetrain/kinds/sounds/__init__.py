"""Sounds as a kind of input: read, resampled, drawn as mel spectrograms."""
