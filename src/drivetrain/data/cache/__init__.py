"""What was loaded of inputs, kept on disk by content, and what rows look like."""
