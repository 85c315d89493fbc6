"""Models fetched from a Hugging Face hub."""
