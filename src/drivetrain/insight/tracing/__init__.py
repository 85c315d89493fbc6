"""A network run on places instead of pixels: what each number it computes can be changed by."""
