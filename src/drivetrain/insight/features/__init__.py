"""What single channels stand for: which are shown, what excites them in the user's own labels, what they are worth."""
