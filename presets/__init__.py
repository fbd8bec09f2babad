"""The language of sounds: what a patch is, and how each synth writes one to disk."""
