"""The command line: one command, one public function, the same argument names."""
