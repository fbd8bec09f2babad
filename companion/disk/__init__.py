"""Patches on disk: saved whole, never over anything, found again."""
