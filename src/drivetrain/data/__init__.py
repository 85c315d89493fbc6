"""From files and tables to described, split and checked examples."""
