"""How people sign in: tokens of apps, the second factor, what is recorded."""
