"""What people ask of an estimate, a file for each question; each returns plain numbers."""
