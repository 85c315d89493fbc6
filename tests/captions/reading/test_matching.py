"""Names of one picture in two sources."""

import pytest

from drivetrain.captions.reading.matching import match
from drivetrain.errors import DataError


@pytest.mark.parametrize(
    ("names", "others", "found"),
    [
        (["img/a.jpg", "b.jpg"], ["a.jpg", "b.jpg"], {"img/a.jpg": "a.jpg", "b.jpg": "b.jpg"}),
        (["/x/img/a.jpg"], ["/y/img/a.jpg"], {"/x/img/a.jpg": "/y/img/a.jpg"}),
        (["Apple/1.jpg", "Pear/2.jpg"], ["Apple/1.jpg", "Apple/2.jpg"], {"Apple/1.jpg": "Apple/1.jpg"}),
        (["7", "12"], ["val_000007.jpg", "val_000012.jpg"], {"7": "val_000007.jpg", "12": "val_000012.jpg"}),
        (["a1.jpg", "b2.jpg"], ["a1.jpg", "c2.jpg"], {"a1.jpg": "a1.jpg"}),
    ],
    ids=["folder on one side", "other root", "other folder", "COCO", "number of another"],
)
def test_pictures_are_told_apart(names, others, found):
    assert match(names, others, "references", "captions")[0] == found


def test_a_number_alone_makes_no_two_names_one():
    with pytest.raises(DataError, match="To fix"):
        match(["dog_1.jpg", "dog_2.jpg"], ["cat_1.jpg", "cat_2.jpg"], "objects", "captions")
