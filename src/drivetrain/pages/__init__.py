"""One kit for every page."""
