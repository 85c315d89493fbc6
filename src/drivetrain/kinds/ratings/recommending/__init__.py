"""From scores to recommendations: the best items by rules, with reasons; arrays alone, so that a server can do it."""
