"""Everything that runs a hub on one machine: embedded servers, the supervisor and its control socket."""
