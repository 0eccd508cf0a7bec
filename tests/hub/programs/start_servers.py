"""Start both servers, use them, stop them, and say how: `python start_servers.py HOME RUN_FOLDER`."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psycopg

from lyceum.hub.credentials import load_credentials
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.folders import prepare_folders, prepare_run_folder
from lyceum.hub.postgres import EmbeddedPostgres
from lyceum.hub.server_home import prepare_server_home
from lyceum.hub.valkey import EmbeddedValkey


def main(home: Path, run_folder: Path) -> None:
    folders = prepare_folders(home, run_parent=run_folder)
    prepare_run_folder(folders)
    credentials, are_new = load_credentials(folders.secrets)
    server_home = prepare_server_home(folders)
    postgres, valkey = EmbeddedPostgres(server_home, credentials), EmbeddedValkey(server_home, credentials)
    postgres.prepare(new_credentials=are_new)
    valkey.prepare()
    for server in (postgres, valkey):
        launch = server.launch(death_signal=signal.SIGKILL)
        process = subprocess.Popen(launch.command(), env=launch.variables(), cwd="/", stdout=subprocess.DEVNULL)
        while not server.is_ready(process.pid):
            if process.poll() is not None:
                sys.exit(f"{launch.program[0]} ended with {process.returncode}")
            time.sleep(0.01)
        if server is postgres:
            psycopg.connect(postgres.app_url().replace("+psycopg", "")).close()
        process.send_signal(server.stop_signal)
        process.wait(30)
    print(json.dumps({"account": asdict(server_home.account)}))  # noqa: T201 the test reads it


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except (HubRefused, HubFailed) as error:
        sys.exit(str(error))
