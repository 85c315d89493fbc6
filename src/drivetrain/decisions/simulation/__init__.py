"""What the simulator is made of: lever values in effect, the objective called, models that go together, curves."""
