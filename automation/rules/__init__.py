"""What rules are, and what their conditions mean. Pure: no database, no clock."""
