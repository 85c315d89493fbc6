"""From a Learner to an artefact on disk."""
