"""What an alarm rule says, as it is written, stored and compiled."""
