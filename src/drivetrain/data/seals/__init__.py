"""What a project remembers: its log, its sealed test sets, and what is compared with them."""
