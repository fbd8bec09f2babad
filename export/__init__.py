"""The model factory: patches, rendered clips, a fine-tuned Whisper, ONNX, and how well it does."""
