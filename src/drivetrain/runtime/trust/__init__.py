"""Models of strangers: known ones, a trial in a process of its own, bounds."""
