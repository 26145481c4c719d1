"""Reading of charging."""
