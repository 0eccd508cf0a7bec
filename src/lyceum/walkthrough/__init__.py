"""`lyceum try`: from a table to a live endpoint, each step an ordinary API call through `lyceum_client`."""
