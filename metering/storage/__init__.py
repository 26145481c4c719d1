"""The rows of the ledger: no ORM, because a build writes millions of them."""
