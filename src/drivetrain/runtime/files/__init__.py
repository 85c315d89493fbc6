"""Files and folders: what is in them, where can be written, JSON that is plain."""
