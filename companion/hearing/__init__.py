"""What is heard in a clip: the note, its pitch, its note-off, what kind of sound it is."""
