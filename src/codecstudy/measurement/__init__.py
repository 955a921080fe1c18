"""From one task to one outcome: prepare a source, encode it, decode it, score it."""
