"""The model factory: patches, rendered clips, a fine-tuned Whisper, ONNX, and how well it does."""

import companion  # noqa: F401  what it sets has to be set before numpy is imported
