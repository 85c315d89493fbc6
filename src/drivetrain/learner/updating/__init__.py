"""A saved model trained once more, without breaking what worked: `drivetrain.update`, `Learner.update`."""
