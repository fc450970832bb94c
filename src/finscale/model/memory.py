"""Memory of a training step, from a formula: weights, gradients, moments and activations.

The terms are the tensors that PyTorch keeps for the backward pass of this model, one by one;
`benchmarks/training_memory.py` compares them with what a step really allocates. Korthikanti et al.
2022 ("Reducing Activation Recomputation in Large Transformer Models", eq. 1 and 2) count in the
same way for a layer with attention dropout.

Legend: `T` tokens (batch · patches), `P` patches, `D` model width, `F` feed-forward width, `H`
heads, `N` parameters; `e` bytes of a number in matrix products, `m` bytes of one in a dropout mask.
"""

from __future__ import annotations

from dataclasses import dataclass

from finscale.config import Precision
from finscale.model.architecture import Architecture
from finscale.model.sizing import count_params

WORKSPACE_BYTES = 64 * 2**20
"""Memory that CUDA's matrix products take for themselves (32 MiB each for cuBLAS and cuBLASLt)."""
FLOAT = 4


@dataclass(frozen=True)
class Numbers:
    """Sizes of numbers in a training step, in bytes.

    Attributes
    ----------
    product : int
        e: operands and results of matrix products.
    mask : int
        m: an entry of a dropout mask. CUDA keeps a boolean, the CPU a scaled number.
    """

    product: int
    mask: int
    is_cuda: bool


def training_memory_bytes(
    arch: Architecture,
    batch_size: int,
    *,
    precision: Precision = "float32",
    checkpointing: bool = False,
    device_type: str = "cpu",
    keeps_gradients: bool = False,
) -> int:
    """Predict the peak memory of training steps with clipping and fused AdamW.

    A parameter takes 16 bytes: weight, gradient and two moments in float32. The peak is at the
    beginning of the backward pass, where all activations are kept, or at its end, where all
    gradients are there.

    Parameters
    ----------
    batch_size : int
        Number of windows that are computed at a time.
    checkpointing : bool
        Whether only the input of each layer is kept, and the rest computed again when needed.
    device_type : str
        "cpu" or the type of an accelerator.
    keeps_gradients : bool
        Whether gradients stay allocated during the forward pass, as they do when they are
        accumulated over several micro-batches.

    Examples
    --------
    >>> from finscale.model import Architecture, training_memory_bytes
    >>> arch = Architecture(n_channels=25, d_model=768, n_layers=4, n_heads=8, d_ff=3072)
    >>> [training_memory_bytes(arch, batch_size) // 2**20 for batch_size in (1, 64, 256)]
    [435, 478, 908]
    """
    numbers = _numbers(precision, device_type)
    n_params, n_tokens = count_params(arch).total, batch_size * arch.n_patches
    layer = n_tokens * _layer_bytes(arch, numbers) + _copied_weights_bytes(arch, numbers)
    per_layer = n_tokens * FLOAT * arch.d_model if checkpointing else layer
    outside = n_tokens * _outside_bytes(arch, numbers)
    at_work = layer if checkpointing else 0
    at_work += _backward_bytes(arch, n_tokens, numbers)
    in_layers = FLOAT * _layer_params(arch) * (arch.n_layers - 1)  # gradients but the last layer's
    early = 0 if not keeps_gradients else FLOAT * n_params
    begin = 3 * FLOAT * n_params + early + arch.n_layers * per_layer + outside + at_work
    late = FLOAT * n_params if keeps_gradients else in_layers
    end = 3 * FLOAT * n_params + late + per_layer + outside + at_work
    all_gradients = 4 * FLOAT * n_params + outside
    workspace = WORKSPACE_BYTES if numbers.is_cuda else 0
    return max(begin, end, all_gradients) + workspace


def activation_bytes(arch: Architecture, batch_size: int) -> int:
    """Return the memory that a float32 forward pass on the CPU keeps for the backward pass."""
    numbers = _numbers("float32", "cpu")
    a_token = arch.n_layers * _layer_bytes(arch, numbers) + _outside_bytes(arch, numbers)
    return batch_size * arch.n_patches * a_token


def _numbers(precision: Precision, device_type: str) -> Numbers:
    product = 2 if precision == "bfloat16" else FLOAT
    is_cuda = device_type == "cuda"
    return Numbers(product, 1 if is_cuda else product, is_cuda)


def _layer_bytes(arch: Architecture, numbers: Numbers) -> int:
    """Return the bytes that a layer keeps for a token.

    Two residual sums in float32, 8 D; the inputs of the four products (two layer norms, attention,
    feed-forward), e (3 D + F); query, key and value, 3 e D; the input of GELU, e F; mean and
    deviation of two layer norms, 16; and with dropout three masks, m (2 D + F).
    """
    width, hidden, size = arch.d_model, arch.d_ff, numbers.product
    masks = numbers.mask * (2 * width + hidden) if arch.dropout else 0
    kept = 8 * width + size * (6 * width + 2 * hidden) + 16 + masks
    return kept + _attention_bytes(arch, numbers)


def _attention_bytes(arch: Architecture, numbers: Numbers) -> int:
    """Return the bytes for a token that attention keeps beside its inputs and its output.

    These are the logarithms of the softmax's sums, 4 H. CUDA's kernels need heads of whole 16
    bytes: in float32, other heads keep the weights of the attention, 4 H P; in bfloat16, they keep
    copies that are filled up.
    """
    heads, size = arch.n_heads, numbers.product
    head = arch.d_model // heads
    if not numbers.is_cuda or head * size % 16 == 0:
        return FLOAT * heads
    if size == FLOAT:
        return FLOAT * heads * arch.n_patches
    whole = -(-head // 8) * 8
    return FLOAT * heads + size * (4 * heads * whole - 3 * arch.d_model)


def _outside_bytes(arch: Architecture, numbers: Numbers) -> int:
    """Return the bytes for a token that is kept outside of the layers.

    The patches; the embedded tokens in float32, and their mask with dropout; the head's input, and
    mean and deviation of the last layer norm.
    """
    patch = numbers.product * arch.patch_length * arch.n_channels
    mask = (1 if numbers.is_cuda else FLOAT) * arch.d_model if arch.dropout else 0
    return patch + FLOAT * arch.d_model + mask + numbers.product * arch.d_model + 8


def _layer_params(arch: Architecture) -> int:
    """Return the number of weights in the matrices of a layer."""
    return 4 * arch.d_model**2 + 2 * arch.d_model * arch.d_ff


def _copied_weights_bytes(arch: Architecture, numbers: Numbers) -> int:
    """Return the bytes of a layer's copied weights, which autocast makes in bfloat16."""
    return 0 if numbers.product == FLOAT else numbers.product * _layer_params(arch)


def _backward_bytes(arch: Architecture, n_tokens: int, numbers: Numbers) -> int:
    """Return the bytes that are at work at the beginning of the backward pass.

    Either at the head: two gradients of the tokens in float32, while the head's input is freed. Or
    in the feed-forward part of the last layer: the gradient of the hidden values and that of the
    weights (in bfloat16 first), while in float32 the input of the last layer norm is freed.
    """
    width, hidden, size = arch.d_model, arch.d_ff, numbers.product
    weights = FLOAT * width * hidden + (0 if size == FLOAT else size * width * hidden)
    freed = FLOAT * width if size == FLOAT else 0
    head = n_tokens * (8 - size) * width
    feed_forward = n_tokens * (size * hidden - freed) + weights
    return max(head, feed_forward)
