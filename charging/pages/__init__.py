"""Pages of charging."""
