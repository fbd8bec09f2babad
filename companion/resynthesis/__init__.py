"""The clip's own wavetable under plain knobs."""
