"""What can be wrong with data before anything is trained on them: each page looks for one thing, in Examples."""
