"""From what is known of each piece to what is known of a text.

Legend: B rows, W windows of a row, T pieces of a window, D numbers of a piece.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """(B, T, D) or (B, W, T, D) and the mask without D → (B, D): the mean over all pieces, of all windows; 0 of none.

    Example:
        >>> masked_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]])).tolist()
        [[2.0]]
    """
    if hidden.ndim == 4:
        hidden, mask = hidden.flatten(1, 2), mask.flatten(1)
    counted = mask.to(hidden.dtype)
    total = torch.matmul(counted.unsqueeze(1), hidden).squeeze(1)
    return total / counted.sum(dim=1, keepdim=True).clamp_min(1)


class Pieces(nn.Module):
    """Ids and mask as they are: the body reads both."""

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The same."""
        return ids, mask


class PieceMean(nn.Module):
    """A table of vectors, fine-tuned: a text is the mean of the vectors of its pieces (a bag of embeddings).

    The vectors are kept divided by `faster`, so that a step of the optimiser changes them so many times more than
    other weights: a piece is read by few rows.

    Args:
        pieces: In the table.
        width: D.
        faster: See above.
    """

    def __init__(self, pieces: int, width: int, *, faster: float) -> None:
        super().__init__()
        self.faster = faster
        self.table = nn.Embedding(pieces, width)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, T) or (B, W, T) twice → (B, D)."""
        return masked_mean(self.table(ids), mask) * self.faster

    @torch.no_grad()
    def take(self, vectors: Tensor) -> None:
        """Begin with these vectors, (V, D)."""
        self.table.weight.copy_(vectors / self.faster)
