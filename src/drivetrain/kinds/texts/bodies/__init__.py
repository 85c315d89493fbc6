"""Bodies that read the pieces of a text: a table of word vectors, and encoders of Hugging Face."""
