"""Decides what a demand guard does; knows no database and no clock."""
