"""Questions of which is known what tells their topics."""

import pandas as pd
import pytest

import drivetrain as dt
from tests.kinds.texts.tiny import questions


def frame(n=120, seed=0):
    """Columns question and topic."""
    return pd.DataFrame(questions(n, seed), columns=["question", "topic"]).drop_duplicates("question")


@pytest.fixture(scope="session")
def topics():
    with dt.quiet():
        return dt.texts(frame(), target="topic", seed=1)
