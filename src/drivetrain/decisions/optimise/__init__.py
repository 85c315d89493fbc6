"""The best allowed choice, of plain arrays: grids, duals, integer programmes, a few shared levers."""
