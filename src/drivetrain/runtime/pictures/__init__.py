"""Pictures decoded, whatever their format, and what they look like."""
