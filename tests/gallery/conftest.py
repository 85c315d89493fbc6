"""A small guided notebook that shows one thing of every kind, in no time."""

import textwrap

import pytest

from drivetrain.gallery import reading

SMALL = """\
---
title: "Small: a notebook"
name: small
question: Does it all show?
next: drivetrain train YOUR_FOLDER --out your.model
---

It is *short*, see [terms](../../../docs/terms.md#loss).

```python
import warnings
from pathlib import Path

import drivetrain as dt
```

## Kept

```python
Path("kept.txt").write_text("1 < 2")
print("first line")
print("  second <b>")
x = 3
```

```python
dt.plots.bars({"a": 1, "b": 2}, "Two bars")
```

```python
dt.plots.bars({"c": 3}, "One bar")
```

```python
x + 1
```

```python
x + 2;
```

```python
warnings.warn(dt.DrivetrainWarning("look here"))
warnings.warn(dt.DrivetrainWarning("look here"))
import pandas as pd
pd.DataFrame({"a": [1.5]})
```

```python
import matplotlib.pyplot as plt
axes = plt.figure(figsize=(2, 1)).add_subplot()
axes.set_title("A line")
axes.plot([1, 2]);
```

## Questions to test yourself

<details><summary>Is 1 < 2?</summary>

Yes, **always**.
</details>

## Further reading

* Nothing.
"""


@pytest.fixture
def guide(tmp_path, monkeypatch):
    """The small notebook, alone in the gallery."""
    return put(tmp_path, monkeypatch, SMALL)


def put(tmp_path, monkeypatch, text):
    file = tmp_path / "gallery" / "03-small.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    found = reading.read(file)
    monkeypatch.setattr(reading, "guides", lambda: (found,))
    return found


def guide_of(tmp_path, monkeypatch, code):
    """A notebook of one block."""
    front, _, rest = SMALL.partition("```python\n")
    return put(
        tmp_path, monkeypatch, f"{front}```python\n{textwrap.dedent(code)}```\n\n{rest[rest.index('## Questions') :]}"
    )
