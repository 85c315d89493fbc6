"""What a plan is worth: the promise, support, cause or habit, logged rows, the next experiment."""
