"""Why one picture got its answer, and whether the methods that say so can be believed."""
