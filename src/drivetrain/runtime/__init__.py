"""Inputs, targets, artefacts and predictions, without torch: the one part that a server installs."""
