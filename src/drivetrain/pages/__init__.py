"""One kit for every page: HTML that cannot be broken, charts as SVG, one style sheet. Nothing here knows of models.

`html` and `svg` make elements, `words` says numbers, `charts` draws plain arrays, `page` puts a page together, and
`chart` keeps one drawing as a file or shows it in a notebook, and `plots` makes such drawings of plain numbers there.
"""
