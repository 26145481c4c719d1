"""Building blocks without models: environment, process loop, units, metrics, Redis, logging."""
