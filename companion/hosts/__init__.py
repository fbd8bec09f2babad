"""Synth hosts: set a patch, render notes, give the state."""
