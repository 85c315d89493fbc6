"""Pretrained bodies of image nets: found, loaded, listed; augmentation, size and fit."""
