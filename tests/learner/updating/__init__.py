"""Of `drivetrain.learner.updating`."""
