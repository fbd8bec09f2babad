"""Patches, scores and errors as a person says them."""
