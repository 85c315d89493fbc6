"""The six principles of the American Statistical Association about p-values, in our words, each beside a number.

Source: Wasserstein & Lazar (2016), The ASA's statement on p-values: context, process, and purpose, The American
Statistician 70, 129-133, doi 10.1080/00031305.2016.1154108.
"""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE = (
    "Wasserstein & Lazar (2016), The ASA's statement on p-values: context, process, and purpose. The American "
    "Statistician 70, 129–133, doi 10.1080/00031305.2016.1154108; here in our own words."
)


@dataclass(frozen=True)
class Principle:
    """One of the six, and which part of the page it is about."""

    said: str
    about: str
    """Name of the page's section."""


PRINCIPLES = (
    Principle("A p-value can say how badly the data fit one particular model, such as “no relationship”.", "chance"),
    Principle(
        "It is neither the chance that the model is true, nor the chance that the data came about by luck alone.",
        "beliefs",
    ),
    Principle("Nothing should be decided merely because p falls on one side of a line such as .05.", "verdict"),
    Principle(
        "It means something only where everything that was tried is reported; the best of many "
        "looks does not count as one.",
        "choices",
    ),
    Principle("It does not say how large an effect is, nor whether it matters.", "estimate"),
    Principle(
        "By itself it is poor evidence for or against anything: other models may fit as well, or better.", "several"
    ),
)
