"""The page kit, from where it lies: HTML that cannot be broken by names, small SVG charts, the style of every report."""

from drivetrain.evaluation.report.html import (
    Child as Child,
)
from drivetrain.evaluation.report.html import (
    Html as Html,
)
from drivetrain.evaluation.report.html import (
    details as details,
)
from drivetrain.evaluation.report.html import (
    figure as figure,
)
from drivetrain.evaluation.report.html import (
    scrolling as scrolling,
)
from drivetrain.evaluation.report.html import (
    section as section,
)
from drivetrain.evaluation.report.html import (
    table as table,
)
from drivetrain.evaluation.report.html import (
    tag as tag,
)
from drivetrain.evaluation.report.page import document as document
from drivetrain.evaluation.report.page import page_header as page_header
from drivetrain.evaluation.report.page import resource as resource
from drivetrain.evaluation.report.svg import Plot as Plot
from drivetrain.evaluation.report.svg import Scale as Scale
from drivetrain.evaluation.report.svg import dot as dot
from drivetrain.evaluation.report.svg import drawing as drawing
from drivetrain.evaluation.report.svg import group as group
from drivetrain.evaluation.report.svg import line as line
from drivetrain.evaluation.report.svg import nice_ticks as nice_ticks
from drivetrain.evaluation.report.svg import path as path
from drivetrain.evaluation.report.svg import plot as plot
from drivetrain.evaluation.report.svg import rectangle as rectangle
from drivetrain.evaluation.report.svg import spread as spread
from drivetrain.evaluation.report.svg import text as text
from drivetrain.evaluation.report.svg import tick_labels as tick_labels
from drivetrain.evaluation.report.words import shortened as shortened
