"""Settings searched for on Optuna: `drivetrain.tune`, with the best corrected for having been chosen among many."""
