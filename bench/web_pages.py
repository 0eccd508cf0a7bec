"""How soon the web app's pages can be used: first picture and time to interactive in Chromium, at its own speed and at a quarter.

    python bench/web_pages.py [--runs 5] [--slower 4] [--json]

A new hub, nothing in the browser's cache. A page can be used from the end of the last task longer than 50 ms, once half a
second has passed without one and without a request under way; never before its first picture. Wants Debian's chromium
(or TESTS_CHROMIUM) and two idle cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright
from servers import machine
from start import running_hub

ADDRESS = "http://127.0.0.1:18600"
CHROMIUM = os.environ.get("TESTS_CHROMIUM", "/usr/bin/chromium")
GOAL_SECONDS = 2.0
PAGES = (
    "/sign-in",
    "/",
    "/datasets",
    "/runs",
    "/models",
    "/jobs",
    "/inbox",
    "/organisation",
    "/settings",
    "/admin/users",
)
QUIET_MS = 500
WATCH = """
window.__last_task_ms = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.__last_task_ms = task.startTime + task.duration;
}).observe({ type: "longtask", buffered: true });
"""
QUIET = f"""() => new Promise((done) => {{
  const look = () => {{
    const loaded = performance.getEntriesByType("resource").map((one) => one.responseEnd);
    const busy = Math.max(window.__last_task_ms, ...loaded);
    if (document.querySelector("main, form") && performance.now() - busy > {QUIET_MS}) {{
      const picture = performance.getEntriesByName("first-contentful-paint")[0].startTime;
      done([picture, Math.max(picture, window.__last_task_ms)]);
    }} else setTimeout(look, 50);
  }};
  look();
}})"""


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--slower", type=int, default=4)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as folder:
        place = Path(folder)
        # the servers' account has to pass through when this runs as root
        place.chmod(0o711)
        with running_hub(place / "home"), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            state = _set_up(browser, place / "home")
            figures = {
                f"{page} at 1/{slower}": _measured(browser, state, page, slower=slower, runs=asked.runs)
                for slower in (1, asked.slower)
                for page in PAGES
            }
            browser.close()
    _print(figures, as_json=asked.json)


def _set_up(browser: Browser, home: Path) -> dict[str, object]:
    """Set the hub up as its first page does; return what keeps somebody signed in."""
    command = (sys.executable, "-m", "lyceum.cli", "admin", "link")
    settings = {**os.environ, "LYCEUM_HOME": str(home), "LYCEUM_PORT": "18600"}
    said = subprocess.run(command, env=settings, capture_output=True, text=True, check=True).stdout
    token = said.split("token=")[1].split()[0]
    context = browser.new_context(base_url=ADDRESS)
    page = context.new_page()
    page.goto(f"/setup?token={token}")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Create administrator").click()
    page.get_by_role("heading", name="Overview", level=1).wait_for()
    state = context.storage_state()
    context.close()
    return dict(state)


def _measured(
    browser: Browser, state: dict[str, object], path: str, *, slower: int, runs: int
) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {"picture": [], "usable": []}
    for _ in range(runs):
        known = None if path == "/sign-in" else state
        context = browser.new_context(base_url=ADDRESS, storage_state=known, service_workers="block")  # type: ignore[arg-type]
        picture, usable = _opened(context, path, slower=slower)
        figures["picture"].append(picture / 1000)
        figures["usable"].append(usable / 1000)
        context.close()
    return figures


def _opened(context: BrowserContext, path: str, *, slower: int) -> tuple[float, float]:
    """Return when a page showed something, and when it could be used, in ms from the start of its navigation."""
    page = context.new_page()
    page.add_init_script(WATCH)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.goto(path)
    picture, usable = page.evaluate(QUIET)
    return float(picture), float(usable)


def _print(figures: dict[str, dict[str, list[float]]], *, as_json: bool) -> None:
    medians = {name: {what: statistics.median(each) for what, each in of.items()} for name, of in figures.items()}
    if as_json:
        print(json.dumps({"machine": machine(), "median_seconds": medians, "runs": figures}, indent=2))
        return
    print(machine())
    for name, each in medians.items():
        late = "" if each["usable"] <= GOAL_SECONDS else f"  more than {GOAL_SECONDS:g} s"
        print(f"{name:24} first picture {each['picture']:5.2f} s, can be used after {each['usable']:5.2f} s{late}")


if __name__ == "__main__":
    main()
