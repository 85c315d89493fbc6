"""Worlds whose truth is known, so that regret can be measured: `insurance`, `shop` and `broken`.

Example:
    >>> from drivetrain.decisions.simulators import insurance
    >>> world = insurance(2_000, seed=0)
    >>> world.logged[["price", "accept"]].shape
    (2000, 2)
    >>> best = world.truth.best(world.rows, {"price": world.grid["price"]})
    >>> bool(best.value.mean() > world.truth.value(world.rows, {}).mean())
    True
"""

from drivetrain.decisions.simulators.broken_world import broken as broken
from drivetrain.decisions.simulators.insurance_world import insurance as insurance
from drivetrain.decisions.simulators.shop_world import shop as shop
from drivetrain.decisions.simulators.world import Best as Best
from drivetrain.decisions.simulators.world import Truth as Truth
from drivetrain.decisions.simulators.world import World as World

__all__ = ["Best", "Truth", "World", "broken", "insurance", "shop"]
