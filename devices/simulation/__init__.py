"""Pure models of what stands at a site: loads, sun, meters. No ORM, no clock, no randomness."""
