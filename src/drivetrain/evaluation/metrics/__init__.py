"""Metrics: functions of predictions, each with the way its interval is made."""
