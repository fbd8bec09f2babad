"""Recipes by analysis: what a designer would dial in after listening closely."""
