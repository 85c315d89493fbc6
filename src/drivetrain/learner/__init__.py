"""Learner, and whatever else can be judged, sealed, saved and reported: a `Model`."""
