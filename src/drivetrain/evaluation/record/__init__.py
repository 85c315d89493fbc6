"""Trainings on record, openings of test sets, and the correction for having chosen."""
