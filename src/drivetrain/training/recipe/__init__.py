"""How a network is fine-tuned: rates, phases, budgets, losses, the last safeguard."""
