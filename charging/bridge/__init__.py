"""Between a serial link and the services: orders go down, what is heard goes up."""
