"""What kinds of input have in common that are drawn as pictures for a body that reads them: sounds, traces, bytes."""
