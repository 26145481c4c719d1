"""X.509 without a database: authorities, requests, certificates, revocation lists."""
