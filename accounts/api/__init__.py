"""What every API endpoint shares: errors, formats, lists, parameters and the schema."""
