"""From the messages of foreign hardware to readings, without a database."""
