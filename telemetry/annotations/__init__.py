"""What people know about a time: notes on the curves of a site."""
