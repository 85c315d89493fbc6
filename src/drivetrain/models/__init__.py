"""Models that are no network (boosted trees, plain lines, blends), and `drivetrain.train`, which lets all compete."""
