"""What a caption says, held against what is known of its picture: objects, references, fluency, likelihood."""
