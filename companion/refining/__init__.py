"""Making the best candidates better, by ear and by search, until the time is up."""
