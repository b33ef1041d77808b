"""What the figures of docs/performance.md come from: ratios within one run, because machines are noisy."""
