"""Models of texts that are no network: lines on terms (TF-IDF), on word vectors, and on both."""
