"""Guided notebooks: one question of the field each, as Markdown files of this folder; read, run, and written as pages.

A file has front matter (`title`, `name`, `question`, `next`, and where it says more `takes`), prose, blocks of Python
that run from top to bottom in one namespace, `## Questions to test yourself` with folded answers, and `## Further
reading`. `reading` finds and divides them, `running` runs one in an empty folder, `page` and `notebook` write what
came out.
"""
