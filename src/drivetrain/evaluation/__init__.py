"""Predictions judged: metrics, intervals, figures. Never imports torch."""
