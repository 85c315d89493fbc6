"""Parts of `update.py`: the tasks, how they are judged, the ways to update, and the page."""
