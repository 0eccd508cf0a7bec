from hypothesis import settings

pytest_plugins = (
    "fixtures.servers",
    "fixtures.s3",
    "fixtures.app",
    "fixtures.sign_in",
    "fixtures.staffed",
    "fixtures.staged_tables",
    "fixtures.loop_watch",
    "fixtures.predictions",
    "fixtures.shard",
    "fixtures.disks",
)

# how long an example takes says more of the machine's load than of what it shows
settings.register_profile("default", settings.get_profile("default"), deadline=None)
