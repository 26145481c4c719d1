"""Sites, gateways, devices, channels, profiles, presence, and the wires to them."""
