"""Files as pictures of their bytes: triage and file typing, never the last line against malware."""
