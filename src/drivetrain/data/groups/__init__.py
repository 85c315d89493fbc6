"""What rows belong to: told by the user or the source, guessed from names, columns and looks."""
