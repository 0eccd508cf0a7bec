pytest_plugins = (
    "fixtures.servers",
    "fixtures.s3",
    "fixtures.app",
    "fixtures.staffed",
    "fixtures.staged_tables",
    "fixtures.loop_watch",
    "fixtures.predictions",
    "fixtures.shard",
    "fixtures.disks",
)
