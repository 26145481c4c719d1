"""How dates and times are written, by language; what a language lacks here Django knows."""
