"""What a slope says, and what it does not: one regression, and the questions around it.

`fitting` reads the table, fits and gives errors; `questions` asks what follows; `page` shows it. No torch.
"""
