"""Keys that say how the inputs of matrices are made: rotated, and of how many bits; shares nothing
with the runtime nor with the reader."""
import re

import numpy as np

from gguf_write import BOOL, I32, STRING, U32


def hadamard_keys(names, block, signs, version=1, grouped=True,
                  inverse=("token_embd.weight",)):
    """names: the folded tensors; signs: width -> +-1, or None. Version 2 is that of a tied
    output; inverse: tensors that are looked up rotated."""
    keys = [
        ("version", U32, version),
        ("block_size", U32, block),
        ("transform", STRING, "normalized-sylvester-walsh-hadamard"),
        ("axis", STRING, "input-last-dimension"),
        ("sign_mode", STRING, "explicit" if signs else "identity"),
        ("weight_names", STRING, names),
        ("inverse_weight_names", STRING, list(inverse)),
        ("gdn_v_grouped", BOOL, grouped),
    ]
    if signs:
        values = [int(sign) for width in signs for sign in signs[width]]
        keys += [("sign_widths", I32, list(signs)), ("sign_values", I32, values)]
    keys += [("tied_output", BOOL, True)] if version == 2 else []
    return [("prism.hadamard." + name, kind, value) for name, kind, value in keys]


def random_signs(widths, seed):
    random = np.random.default_rng([seed, 0x5160])
    return {width: random.choice([-1, 1], width) for width in sorted(set(widths))}


def add_bits_argument(parser):
    parser.add_argument("--activation-bits", type=int, help="of the matrices' inputs")


def add_input_arguments(parser):
    add_bits_argument(parser)
    parser.add_argument("--hadamard", type=int, metavar="BLOCK", help="rotated weights")
    parser.add_argument("--turned", default="attn_output|ffn_down", metavar="NAMES",
                        help="which weights are")
    parser.add_argument("--identity", action="store_true", help="without signs")


def bits_keys(a):
    bits = a.activation_bits
    return [("tritmill.activation_bits", U32, bits)] if bits else []


def input_keys(a, tensors):
    if not a.hadamard:
        return bits_keys(a)
    turned = {name: shape[1] for name, _, shape, _ in tensors
              if len(shape) == 2 and re.search(rf"^blk.*\.({a.turned})\.weight", name)}
    signs = None if a.identity else random_signs(turned.values(), a.seed)
    return bits_keys(a) + hadamard_keys(list(turned), a.hadamard, signs, 1, False, ())
