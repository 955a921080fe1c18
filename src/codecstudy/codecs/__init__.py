"""Image codecs: one module per format."""
