"""A small update beside the model that it came from: made whole again without torch, when it is opened."""
