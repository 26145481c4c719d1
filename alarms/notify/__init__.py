"""Who is told of an alarm, when and how often. Decisions only; nothing is sent here."""
