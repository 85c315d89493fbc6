"""The page kit, from where it lies: HTML that names cannot break, small SVG charts, the style of every report."""

from drivetrain.pages.html import Child, Html, details, explained, figure, scrolling, section, table, tag
from drivetrain.pages.page import document, page_header
from drivetrain.pages.svg import (
    Plot,
    Scale,
    dot,
    drawing,
    line,
    nice_ticks,
    path,
    plot,
    rectangle,
    spread,
    text,
    tick_labels,
)
from drivetrain.pages.words import shortened

__all__ = [
    "Child",
    "Html",
    "Plot",
    "Scale",
    "details",
    "document",
    "dot",
    "drawing",
    "explained",
    "figure",
    "line",
    "nice_ticks",
    "page_header",
    "path",
    "plot",
    "rectangle",
    "scrolling",
    "section",
    "shortened",
    "spread",
    "table",
    "tag",
    "text",
    "tick_labels",
]
