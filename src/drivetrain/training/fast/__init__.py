"""What makes training fast: stored activations, cuts, measured costs, folded layers, kept memory."""
