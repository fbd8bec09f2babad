"""How near a patch comes to a clip, by its sound."""
