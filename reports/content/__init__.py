"""What stands in reports: figures of the ledger as plain documents."""
