"""What the README's numbers come from: ratios within one run, because machines are noisy."""
