"""How much of what devices measured arrived, and how far it can be trusted."""
