"""Which options of an architecture a description may give: sizes, numbers and names of layers, and nothing else.

A saved model, and a timm folder, name an architecture and its options, which reach the function that builds it. That
function also takes options that name files, addresses and code; a stranger's description must not give those.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

_NAMES_TEXT = """
img_size patch_size layers depth depths channels dims embed_dim embed_dims widths width_mult depth_mult width_factor
widen_factor base_width base_dim cardinality stem_width stem_type stem_size stem_chs stem_kernel_size stem_stride
stem_conv stem_norm stem_bias stem_hidden_dim input_3x3 replace_stem_pool avg_down pad_type bn_eps bn_momentum
bn_size eps norm_eps num_heads heads head_dim head_dims num_kv_heads key_dim qk_dim value_dim attn_ratio
attn_head_dim attn_groups attn_last attn_mlp attn_type mlp_ratio mlp_ratios mlp_bias ffn_ratio expand_ratio
exp_ratio expansion_ratio bottle_ratio growth_rate growth_rates num_init_features memory_efficient qkv_bias
qkv_bias_separate qk_norm proj_bias scale_attn_norm scale_mlp_norm scale_attn_inner swiglu_mlp linear_attn
class_token cls_ratio reg_tokens no_embed_class pos_embed pre_norm final_norm fc_norm post_norm use_fc_norm
use_abs_pos use_abs_pos_emb use_rel_pos use_rel_pos_bias use_shared_rel_pos_bias use_rot_pos_emb rope_type
rope_temperature rope_grid_offset rope_grid_indexing rope_rotate_half ref_feat_shape rel_pos_type rel_pos_dim
window_size window_sizes window_ratio pretrained_window_size pretrained_window_sizes strict_img_size
dynamic_img_size dynamic_img_pad patch_norm patch_stride patch_padding patch_sizes kernel_size kernel_sizes ks
conv_mlp conv_bias conv_ratio conv_init head_init_scale head_norm_first head_bias head_hidden_size num_features
init_values init_value ls_init_value layer_scale layer_scale_init_value layer_scale_init_values
res_scale_init_values layerscale_value drop_rate drop_path_rate pos_drop_rate patch_drop_rate attn_drop_rate
proj_drop_rate drop_block_rate attn_drop proj_drop dropout act_layer norm_layer norm_layer_cl attn_layer attn
aa_layer global_pool downsample downsamples down_ops downsample_kernel_size down_kernel_size down_patch_size
output_stride output_fmt dilation block_reduce_first reduce_first se_ratio rd_ratio reduction radix avd avd_first
groups group_size sr_ratio sr_ratios stride strides levels num_levels num_blocks num_blocks_list num_stages
num_layers num_scales stages stem_ratio scale scales scale_norm scale_value width width_list depth_list dim dim_head
dim_in dim_out hidden_dim hidden_size hidden_sizes intermediate_size token_mixers focal_levels focal_windows
focal_level focal_window local_up_to_layer locality_strength use_gpsa eta tokens_norm use_layer_scale use_grn
use_mask_unit_attn mask_unit_size q_pool q_stride pool_first alpha beta gamma preact zero_init_last skipinit with_fc
distilled version v2 legacy shortcut_root drop transition_compression_ratio num_conv_branches num_parallel use_nchw
feature_concat channel_multiplier fix_stem force_in_chs round_chs_divisor start_with_relu use_scale_branch use_lab
weight_init crop_scale multi_scale_output vit_stem vit_stage outlook_attention rotate_half small small_kernels
"""
_NAMES = frozenset(_NAMES_TEXT.split())
"""Sizes, depths, ratios, switches and names of layers of timm's families; nothing that is a file, an address, a
function or a set of further options."""

_WORDS_TEXT = """
act_layer norm_layer norm_layer_cl attn_layer attn aa_layer attn_type global_pool pad_type stem_type downsample
down_ops pos_embed rope_type rope_grid_indexing rel_pos_type weight_init token_mixers conv_init output_fmt version
"""
_WORDS = frozenset(_WORDS_TEXT.split())
"""Those of them whose value may be a word."""

_COUNTS = re.compile(
    "(layers|depths?|serial_depths|stages|levels?|heads|num_(blocks|layers|heads|kv_heads|stages|scales|levels)(_list)?"
    "|num_conv_branches|num_parallel|depth_list)"
)
MOST_OF_A_COUNT, LARGEST = 256, 65_536
"""Layers, heads and the like, of all stages together: each takes time to build; and widths or pixels."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
MOST_VALUES, DEEPEST = 64, 3

_EXPECTED: Mapping[str, str] = {
    "input_size": "sizes", "test_input_size": "sizes", "pool_size": "sizes", "mean": "numbers", "std": "numbers",
    "crop_pct": "share", "test_crop_pct": "share", "fixed_input_size": "flag", "num_classes": "size",
    "interpolation": "word", "crop_mode": "word", "first_conv": "layer", "classifier": "layer",
}  # fmt: skip
"""What of a timm folder's `pretrained_cfg` is used; the rest of it names files and addresses."""
_LAYER = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that are not plain ones of an architecture.

    Args:
        options: Name → value, as a description gives them.

    Raises:
        ValueError: A name is not on the list, or a value is no number, switch or word.

    Example:
        >>> check_options({"img_size": 96, "layers": [2, 2, 2, 2], "avg_down": True})
        >>> check_options({"checkpoint_path": "other/model.pt"})
        Traceback (most recent call last):
        ValueError: the option 'checkpoint_path' is not one that a description may give
    """
    for name, value in options.items():
        if name not in _NAMES:
            raise ValueError(f"the option {name[:60]!r} is not one that a description may give")
        _check(name, value, DEEPEST)
        if _COUNTS.fullmatch(name) and sum(_wholes(value)) > MOST_OF_A_COUNT:
            raise ValueError(f"the option {name!r} is out of range: expected at most {MOST_OF_A_COUNT} in all")


def _wholes(value: Any) -> list[int]:
    """The whole numbers in a list, however deep."""
    if isinstance(value, list | tuple):
        return [whole for one in cast("Sequence[Any]", value) for whole in _wholes(one)]
    return [abs(value)] if isinstance(value, int) else []


def _check(name: str, value: Any, levels: int) -> None:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, list | tuple) and levels:
        values = cast("Sequence[Any]", value)
        if len(values) > MOST_VALUES:
            raise ValueError(f"the option {name!r} lists {len(values):,} values, more than {MOST_VALUES}")
        for one in values:
            _check(name, one, levels - 1)
        return
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise ValueError(f"the option {name!r} is out of range: expected a number of at most {LARGEST:,}")
        return
    if isinstance(value, str) and name in _WORDS and (not value or _WORD.fullmatch(value)):
        return
    raise ValueError(f"the option {name!r} is no number, switch or name of a layer")


def plain_expectations(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a timm folder says its weights expect of pictures, without what is of no use: files, addresses, the rest.

    Raises:
        ValueError: A value that is used is of another kind than it should be.

    Example:
        >>> plain_expectations({"mean": [0.5], "file": "other/model.pt", "first_conv": "conv1.0"})
        {'mean': [0.5], 'first_conv': 'conv1.0'}
    """
    found = {name: config[name] for name in _EXPECTED if config.get(name) is not None}
    for name, value in found.items():
        if not _fits(_EXPECTED[name], value):
            raise ValueError(f"pretrained_cfg says {name}={str(value)[:60]!r}, which cannot be used")
    return found


def _fits(kind: str, value: Any) -> bool:
    many = cast("Sequence[Any]", value if isinstance(value, list | tuple) else [value])
    one_of_each = {
        "numbers": lambda one: _is_number(one) and abs(one) <= 1e6,
        "sizes": lambda one: type(one) is int and 0 < one <= 4096,
        "size": lambda one: type(one) is int and 0 <= one <= 1_000_000,
        "share": lambda one: _is_number(one) and 0.01 <= one <= 4,
        "flag": lambda one: isinstance(one, bool),
        "word": lambda one: isinstance(one, str) and _WORD.fullmatch(one) is not None,
        "layer": lambda one: isinstance(one, str) and len(one) <= 200 and (not one or bool(_LAYER.fullmatch(one))),
    }[kind]
    most = {"numbers": 64, "sizes": 3, "layer": 8}.get(kind, 1)
    return 0 < len(many) <= most and all(map(one_of_each, many)) and (most > 1 or value is many[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
