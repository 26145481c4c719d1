"""When things are to happen, by the clock on the wall of a site. Pure: no database, no clock."""
