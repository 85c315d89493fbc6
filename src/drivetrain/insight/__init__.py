"""What the layers of a network have learnt."""
