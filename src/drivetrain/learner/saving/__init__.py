"""From a model to an artefact and back: saved, taken up again, judged without its library, exported anew."""
