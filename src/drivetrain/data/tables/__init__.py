"""Tables of any library and format: columns, cells, targets, and the files they name."""
