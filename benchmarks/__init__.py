"""The benchmarks behind the figures of docs/performance.md: ratios within one run, because machines are noisy."""
