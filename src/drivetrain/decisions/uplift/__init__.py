"""Who changes by being treated, rather than who says yes."""
