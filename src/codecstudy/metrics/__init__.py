"""Image metrics: one module per metric, kernels beside the metric that owns them."""
