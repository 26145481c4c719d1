"""The page on which people look at several channels together."""
