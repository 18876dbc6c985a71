"""The kinds of work that can be estimated, and what is assumed of each."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

TRAINING_COST = _(
    "Training costs 6 operations per parameter and token: 2 forwards, 4 backwards "
    "(Kaplan et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022, arXiv 2203.15556)."
)
ADAPTER_COST = _(
    "Frozen weights need no gradients of their own: 4 operations per parameter and token, 6 where "
    "activations are computed twice to save memory "
    "(Hu et al. 2021, arXiv 2106.09685; Dettmers et al. 2023, arXiv 2305.14314)."
)
READING_COST = _(
    "Reading and writing a token each cost 2 operations per parameter. Writing waits for memory: it reaches "
    "2–20 % of the GPU's peak, reading far more (Pope et al. 2022, arXiv 2211.05102)."
)
VISION_COST = _(
    "A training step costs 3 forward passes; a multiply-add is 2 operations "
    "(Epoch AI, “Estimating training compute”, 2022)."
)
MEMORY_OF_TRAINING = _(
    "Weights, gradients and Adam's state take 16 bytes per parameter (ZeRO, arXiv 1910.02054)."
)


@dataclass(frozen=True)
class Kind:
    """`flops`: operations per parameter and token, least and most. `efficiency`: what is reached of the
    utilisation of the published runs. `overhead`: evaluation, checkpoints and restarts, as a factor.
    `memory`: bytes per parameter. `fields` are what is asked for."""

    key: str
    label: Any
    hint: Any
    fields: tuple[str, ...]
    cost: Any
    flops: tuple[float, float] = (6, 6)
    efficiency: tuple[float, float] = (1.0, 1.0)
    overhead: tuple[float, float] = (1.05, 1.25)
    memory: float = 0
    memory_note: Any = ""


_ALL = (
    Kind(
        key="finetune",
        label=_("Full fine-tuning"),
        hint=_("All weights of a language model are trained further."),
        fields=("parameters", "tokens", "epochs"),
        cost=TRAINING_COST,
        efficiency=(0.55, 1.0),
        overhead=(1.05, 1.3),
        memory=16,
        memory_note=MEMORY_OF_TRAINING,
    ),
    Kind(
        key="lora",
        label=_("LoRA fine-tuning"),
        hint=_("Small adapters are trained, the weights stay as they are, in 16 bits."),
        fields=("parameters", "tokens", "epochs"),
        cost=ADAPTER_COST,
        flops=(4, 6),
        efficiency=(0.5, 1.0),
        overhead=(1.05, 1.3),
        memory=2.6,
        memory_note=_("The frozen weights take 2 bytes per parameter; adapters and activations come on top."),
    ),
    Kind(
        key="qlora",
        label=_("QLoRA fine-tuning"),
        hint=_("As LoRA, with the weights in 4 bits: less memory, hardly less time."),
        fields=("parameters", "tokens", "epochs"),
        cost=ADAPTER_COST,
        flops=(4, 6),
        efficiency=(0.45, 1.0),
        overhead=(1.05, 1.3),
        memory=0.7,
        memory_note=_(
            "The frozen weights take half a byte per parameter; adapters and activations come on top."
        ),
    ),
    Kind(
        key="pretrain",
        label=_("Pre-training"),
        hint=_("A language model from nothing."),
        fields=("parameters", "tokens", "epochs"),
        cost=TRAINING_COST,
        memory=16,
        memory_note=MEMORY_OF_TRAINING,
    ),
    Kind(
        key="inference",
        label=_("Inference, batch generation"),
        hint=_("A language model reads and writes text, many requests at once."),
        fields=("parameters", "tokens", "generated"),
        cost=READING_COST,
        flops=(2, 2),
        efficiency=(0.6, 1.2),
        overhead=(1.0, 1.2),
        memory=2.4,
        memory_note=_("Weights in 16 bits take 2 bytes per parameter; the cache of the texts comes on top."),
    ),
    Kind(
        key="vision",
        label=_("Vision training"),
        hint=_("A network that sees pictures, from its cost per picture."),
        fields=("images", "gmacs", "epochs"),
        cost=VISION_COST,
        efficiency=(0.5, 1.0),
    ),
    Kind(
        key="known",
        label=_("Hours per run known"),
        hint=_("You have run it before, or a smaller part of it."),
        fields=("gpus", "hours", "runs"),
        cost=_("GPUs × hours × runs, with room for failed and repeated runs."),
        overhead=(1.0, 1.25),
    ),
)
KINDS = {kind.key: kind for kind in _ALL}
# The share of the peak that writing tokens reaches: waiting for one answer, and hundreds at once.
WRITING_UTILISATION = (0.02, 0.20)
