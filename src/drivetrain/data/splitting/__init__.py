"""Rows divided into training, validation and test set: by chance, class, group, time, or as somebody says."""
