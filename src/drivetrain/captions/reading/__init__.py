"""Captions, references, pictures and objects as people have them, brought into one form and matched by picture."""
