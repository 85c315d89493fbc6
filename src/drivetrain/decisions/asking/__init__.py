"""What `decide` asks of its inputs before it chooses, and of the plan afterwards."""
