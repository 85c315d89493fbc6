"""Models that write captions: those of Hugging Face, and a small one that is trained here."""
