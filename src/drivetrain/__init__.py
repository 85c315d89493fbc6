"""drivetrain: from data to decisions."""
