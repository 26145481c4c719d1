"""Serial ports that this side owns: who has one, how it is opened, and how a link stays up."""
