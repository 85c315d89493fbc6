"""Small pictures and nets to look into."""

from tests.training.conftest import squares

__all__ = ["squares"]
