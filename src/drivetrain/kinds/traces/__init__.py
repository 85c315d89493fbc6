"""Traces of a pointer, finger or pen as a kind of input: points over time, drawn as pictures."""
