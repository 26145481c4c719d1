"""Services of charging."""
