"""Models with their uncertainty: members that learned from other rows each."""
