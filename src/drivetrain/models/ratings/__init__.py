"""Models of ratings and events: biases, factors, neighbours, popularity; what they share, and how they recommend."""
