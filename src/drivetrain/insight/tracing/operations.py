"""Torch's operations by what they do with the places of their input; by the names that they have below autograd."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ACTIVATIONS = {
    "relu": "ReLU",
    "threshold": "ReLU",
    "silu": "SiLU",
    "gelu": "GELU",
    "hardswish": "hard swish",
    "hardsigmoid": "hard sigmoid",
    "leaky_relu": "leaky ReLU",
    "_prelu_kernel": "PReLU",
    "rrelu_with_noise": "RReLU",
    "elu": "ELU",
    "celu": "CELU",
    "selu": "SELU",
    "mish": "Mish",
    "softplus": "softplus",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "exp": "exponential",
    "erf": "GELU",
    "log_sigmoid_forward": "log sigmoid",
}
"""Name in torch → in words; what is smooth or leaky counts, too. `_clipped` tells `hardtanh` and `clamp` apart."""

RECTIFIERS = frozenset({"ReLU", "ReLU6", "clipped ReLU"})
"""Activations that the deconvnet is defined for."""
SATURATING = frozenset({"ReLU6", "clipped ReLU", "hard sigmoid", "sigmoid", "tanh", "hard tanh"})
"""Activations that many places can drive to one and the same largest value."""

MOVING = _names("""
    view _unsafe_view reshape permute transpose t expand slice select split split_with_sizes unbind cat stack squeeze
    unsqueeze roll flip index index_select gather repeat unfold pixel_shuffle pixel_unshuffle narrow im2col movedim
    diagonal tile repeat_interleave channel_shuffle native_channel_shuffle
""")
"""Carry numbers elsewhere."""
COPYING = _names("clone detach alias _to_copy contiguous lift_fresh dropout native_dropout")
"""Leave numbers where they are."""
REDUCING = _names("mean sum amax amin max min var std var_mean std_mean linalg_vector_norm norm logsumexp")
NORMS = _names("""
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm miopen_batch_norm
    batch_norm native_layer_norm native_group_norm
""")
PADDING = _names("constant_pad_nd reflection_pad2d replication_pad2d")
POOLING = _names("max_pool2d_with_indices max_pool2d avg_pool2d")
ADAPTIVE = _names("_adaptive_avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d")
ENLARGING = _names("""
    upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_nearest_exact2d _upsample_bilinear2d_aa
    _upsample_bicubic2d_aa
""")
SOFTMAX = _names("_softmax _safe_softmax")
MULTIPLYING = _names("mm bmm addmm baddbmm")
ATTENDING = "_scaled_dot_product_"
"""How the names of attention's kernels begin."""
MASKED = -50.0
"""What is added to a score of attention to leave a pair of tokens out is less."""
NUMBERS_WRITTEN = 50
"""Work of writing a number, in operations, as `drivetrain.training.fast.cuts` counts it."""
