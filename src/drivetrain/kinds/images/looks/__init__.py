"""What pictures look like: signatures, pixels, EXIF, ranges of values, turned and mirrored copies."""
