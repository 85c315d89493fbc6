"""What a column is, by its cells: numbers, dates, orders, and numbers that are names."""
