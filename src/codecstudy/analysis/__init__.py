"""Statistics of a study: pure functions from results to answers."""
