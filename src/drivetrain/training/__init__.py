"""The Learner, its loop, schedules, callbacks and checkpoints."""
