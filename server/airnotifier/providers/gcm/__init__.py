"""GCM's HTTP protocol: `provider` makes the requests, `answers` reads what comes back."""
