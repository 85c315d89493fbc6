"""The page about the inside of a network: layer by layer, from small to large, with the pictures behind features."""
