"""What people and programs do with meters."""
