"""Answers over many lever values: the columns set and predicted, and quicker ways where a model is a sum."""
