"""Where samples and their rollups lie: hot rows, packed days, tiers."""
