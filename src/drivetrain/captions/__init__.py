"""Captions of pictures: how far they can be trusted, whoever's model wrote them, and a model that knows when not to.

`judging` says what each caption names and what is not there, `reading` takes captions, references and objects in any
form, `report` puts the numbers together, `page` shows them; `describing` has models that write captions. All but
`describing` needs no torch.
"""
