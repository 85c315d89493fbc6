"""One local page over a project: what there is, each a click away. Nothing is computed here that is not elsewhere."""
