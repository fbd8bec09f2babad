"""Who proposes patches for what was heard: the model, the bank, and whoever else is asked."""
