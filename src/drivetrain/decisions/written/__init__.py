"""A plan written down in a file: tables, models, levers, limits and an objective as text."""
