"""A module for each kind of signal: what it measures (`jobs`) and how that is written down (`page`)."""
