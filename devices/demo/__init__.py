"""The demo fleet: two tenants, their sites, and what stands there."""
