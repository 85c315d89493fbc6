"""What sounds need of torch: bodies that were trained on sounds, and random views of training sounds."""
