"""What an update has changed, to be looked at: its own page, and the lineage of a model in its report and its card."""
