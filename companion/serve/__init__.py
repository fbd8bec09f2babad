"""One running process for the DAW side: a queue on disk, an engine in a process of its own, and doors to both."""
