"""onnx: a checkpoint -> a model bundle (encoder, merged decoder, card), checked against torch.

Whisper's encoder has outlier activations that int8 hurts, so its weights are stored as float16 and computed in float32;
the decoder's matrices may be int8 (`--int8`), a channel a scale.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from companion.hearing.features import CLIP_S, FEATURE_TOP, N_FRAMES, N_MELS
from companion.proposing.model import CARD, DECODER, DIGESTS, ENCODER, PatchModel, digest
from companion.proposing.tokens import BOS, EOS, PAD, Vocabulary, vocabulary

SMALL = 1024  # initialisers with fewer values stay float32


@dataclass(frozen=True)
class Parity:
    """How the bundle compares with torch."""

    encoder: float
    """Largest difference of encoder states."""
    logits: float
    """Largest difference of logits, teacher-forced."""
    same_argmax: float
    """Share of steps with the same most likely token."""


def export(
    checkpoint: Path,
    bundle: Path,
    int8: bool = False,
    card: dict[str, Any] | None = None,
    words: Vocabulary | None = None,
) -> Parity:
    """Writes the bundle and returns its parity with the checkpoint, which speaks `words` (canonical unless given)."""
    from optimum.exporters.onnx import main_export  # heavy; only this stage needs it

    with tempfile.TemporaryDirectory() as temporary:
        source, out = Path(temporary) / "checkpoint", Path(temporary) / "onnx"
        prepare(checkpoint, source, words)
        main_export(
            str(source), output=out, task="automatic-speech-recognition-with-past", nb_max_frames=N_FRAMES
        )
        bundle.mkdir(parents=True, exist_ok=True)
        half_weights(out / "encoder_model.onnx", bundle / ENCODER)
        decoder = out / "decoder_model_merged.onnx"
        if int8:
            quantise(decoder, bundle / DECODER)
        else:
            half_weights(decoder, bundle / DECODER)
    write_card(
        bundle,
        {**(card or {}), "decoder_storage": "int8" if int8 else "float16", "encoder_storage": "float16"},
        words,
    )
    return parity(checkpoint, bundle, words=words)


def prepare(checkpoint: Path, folder: Path, words: Vocabulary | None = None) -> None:
    """The checkpoint with the feature extractor, tokenizer and generation settings the exporter asks for."""
    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("optimizer.pt"))
    GenerationConfig(
        bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD, decoder_start_token_id=BOS
    ).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=N_MELS, chunk_length=int(CLIP_S)).save_pretrained(folder)
    size = (words or vocabulary()).size
    spelled = Tokenizer(WordLevel({f"t{i}": i for i in range(size)}, unk_token=f"t{PAD}"))
    PreTrainedTokenizerFast(
        tokenizer_object=spelled,
        pad_token=f"t{PAD}",
        bos_token=f"t{BOS}",
        eos_token=f"t{EOS}",
        unk_token=f"t{PAD}",
    ).save_pretrained(folder)


def half_weights(source: Path, target: Path) -> None:
    """Stores large float32 initialisers as float16 behind a Cast; the runtime folds the casts when it loads."""
    model = onnx.load(source)
    graph, casts = model.graph, []
    for tensor in list(graph.initializer):
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size <= SMALL:
            continue
        name = tensor.name
        half = numpy_helper.from_array(array.astype(np.float16), f"{name}_half")
        graph.initializer.remove(tensor)
        graph.initializer.append(half)
        casts.append(helper.make_node("Cast", [half.name], [name], name=f"{name}_cast", to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    onnx.save(model, target)


def quantise(source: Path, target: Path) -> None:
    """int8 weights, one scale a channel, matrix products only (inside the merged graph's branches too)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source, target, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"],
        extra_options={"EnableSubgraph": True},
    )  # fmt: skip
    half_weights(target, target)  # what is left in float: embeddings and positions


def write_card(bundle: Path, facts: dict[str, Any], words: Vocabulary | None = None) -> None:
    """model.json: what the runtime checks and what a person wants to know."""
    words = words or vocabulary()
    card = {
        "schema": words.schema.name, "schema_hash": words.schema.hash, "vocabulary": words.size,
        "features": {"n_mels": N_MELS, "n_frames": N_FRAMES, "top": FEATURE_TOP}, **facts,
        DIGESTS: {name: digest(bundle / name) for name in (ENCODER, DECODER) if (bundle / name).exists()},
    }  # fmt: skip
    (bundle / CARD).write_text(json.dumps(card, indent=1) + "\n")


def parity(checkpoint: Path, bundle: Path, n_steps: int = 24, words: Vocabulary | None = None) -> Parity:
    """Runs both on random features and a random valid sentence."""
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()
    runtime = PatchModel(bundle, words)
    mel = np.random.default_rng(0).normal(0.3, 0.4, (N_MELS, N_FRAMES)).astype(np.float32)
    hidden, n_steps = runtime.hear(mel), min(n_steps, runtime.words.longest - 1)
    with torch.no_grad():
        expected_hidden = model.model.encoder(torch.from_numpy(mel[None])).last_hidden_state.numpy()
        ids = model.generate(torch.from_numpy(mel[None]), max_new_tokens=n_steps, do_sample=False).numpy()[
            :, :n_steps
        ]
        expected = model(
            input_features=torch.from_numpy(mel[None]), decoder_input_ids=torch.from_numpy(ids)
        ).logits.numpy()[0]
    got = np.concatenate(runtime.logits(hidden, ids[0]))
    return Parity(
        float(np.abs(hidden - expected_hidden).max()),
        float(np.abs(got - expected).max()),
        float((got.argmax(-1) == expected.argmax(-1)).mean()),
    )
