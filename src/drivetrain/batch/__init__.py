"""Answers for more inputs than one process has time for: written as Parquet, each row once, whoever is killed."""
