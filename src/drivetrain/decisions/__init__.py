"""From a prediction to an action: objective, levers, data, models, simulated and optimised; no torch."""
