"""Take the README's picture of the page: docs/img/page.png, as Chromium shows it.

python benchmarks/page_picture.py

It needs the extra ``[test]`` and Chromium.
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

TARGET = Path(__file__).parents[1] / "docs" / "img" / "page.png"
PATIENCE_S = 180


def main() -> None:
    """Serve the page, open it, and write what it shows."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen([sys.executable, "-m", "calcigram", "serve", "--port", str(port)])
    try:
        wait_for(url)
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1200, "height": 1000})
            tab.goto(url, wait_until="commit")
            tab.locator("#verdict").wait_for(timeout=1000 * PATIENCE_S)
            tab.wait_for_timeout(2000)  # until fonts and pictures have settled
            tab.screenshot(path=TARGET, full_page=True)
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str) -> None:
    """Return when the server answers."""
    for _ in range(PATIENCE_S):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(1)
    raise SystemExit(f"no answer from {url} within {PATIENCE_S} s")


if __name__ == "__main__":
    main()
