"""Rules, schedules, recipes and targets."""
