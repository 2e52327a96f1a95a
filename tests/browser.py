"""Looks at pages in headless Chromium, through chromedriver: browser.py PAGE... [--fewer] [--switch] [--shots DIR]

Prints a JSON object a line, for each page and each view of it (phone and desktop, light and dark, paper):

  page, view          file name; "phone light" ... and "paper", asked for by a dark screen
  console             what the page or the browser complained about
  requests            every address that was asked for, the page itself apart
  title, message      the title and the first heading
  overflow            how many pixels the page is wider than the window
  cut                 elements that reach out of the window
  charts, empty       how many charts there are; the first words of those in which nothing is drawn
  contrast            the least contrast of any text with what is behind it, and the text
  nameless            pictures and controls without a name for those who do not see them
  ground              the colour of the page

With --shots a picture of each goes to DIR. Exits with 77 when there is no chromedriver or Chromium.
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

VIEWS = [(f"{device} {scheme}", size, scheme) for device, size in (("phone", (375, 812)), ("desktop", (1280, 900)))
         for scheme in ("light", "dark")] + [("paper", (718, 1000), "dark")]
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"]

LOOK = (pathlib.Path(__file__).parent / "browser.js").read_text()


class Browser:
    def __init__(self, profile):
        self.driver = subprocess.Popen([shutil.which("chromedriver"), "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        self.session = ""
        for line in self.driver.stdout:
            if "successfully on port " in line:
                port = line.split("on port ")[1].strip().rstrip(".")
                break
        else:
            sys.exit("chromedriver did not start")
        self.base = f"http://127.0.0.1:{port}"
        try:
            self.start(profile)
        except BaseException:
            self.driver.kill()
            raise

    def start(self, profile):
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": ARGUMENTS + [f"--user-data-dir={profile}"], "binary": chromium()},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.base + self.session + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as f:
                return json.load(f)["value"]
        except urllib.error.HTTPError as e:
            sys.exit(f"{path}: {e.read().decode()[:2000]}")

    def cdp(self, command, **params):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def run(self, script, *args):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def press(self, key):
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def log(self, kind):
        return self.ask("POST", "/se/log", {"type": kind})

    def close(self):
        try:
            if self.session:
                self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)


def chromium():
    return next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


def open_page(browser, path, size, scheme, media=""):
    browser.cdp("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600)
    browser.cdp("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.log("performance"), browser.log("browser")
    browser.ask("POST", "/url", {"url": path.as_uri()})
    # charts are drawn a moment after the page has come
    browser.ask("POST", "/execute/async", {"args": [], "script": "const done = arguments[0]; setTimeout(() => requestAnimationFrame(() => done(0)), 150)"})


def requests(browser, path):
    events = [json.loads(e["message"])["message"] for e in browser.log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    asked += [e["params"]["url"] for e in events if e["method"] == "Network.webSocketCreated"]
    return [a for a in asked if a != path.as_uri()]


def picture(browser, file):
    size = browser.cdp("Page.getLayoutMetrics")["cssContentSize"]
    shot = browser.cdp("Page.captureScreenshot", captureBeyondViewport=True,
                       clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
    file.write_bytes(base64.b64decode(shot["data"]))


def switch(browser):
    """Goes to the switch of colours and through it by keyboard alone: the grounds that were seen."""
    ground = "return getComputedStyle(document.body).backgroundColor"
    seen = [browser.run(ground)]
    browser.press("\ue004")  # Tab
    focused = browser.run("return document.activeElement.name + ' ' + document.activeElement.value")
    for _ in range(2):
        browser.press("\ue014")  # right arrow
        seen.append(browser.run(ground))
    browser.press("\ue014")
    return {"focused": focused, "grounds": seen}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    parser.add_argument("--shots", type=pathlib.Path)
    parser.add_argument("--switch", action="store_true", help="try the switch of colours, too")
    parser.add_argument("--fewer", action="store_true", help="a light phone and a dark desktop only")
    args = parser.parse_args()
    if not shutil.which("chromedriver") or not chromium():
        print("no chromedriver, or no Chromium")
        return 77
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            for page in map(pathlib.Path.resolve, args.pages):
                for view, size, scheme in VIEWS[:4:3] if args.fewer else VIEWS:
                    open_page(browser, page, size, scheme, "print" if view == "paper" else "")
                    seen = {"page": page.name, "view": view, "requests": requests(browser, page), **browser.run(LOOK, size[0])}
                    if args.switch and view == "desktop light":
                        seen["switch"] = switch(browser)
                    seen["console"] = [e["message"] for e in browser.log("browser")]
                    print(json.dumps(seen), flush=True)
                    if args.shots:
                        picture(browser, args.shots / f"{page.stem}-{view.replace(' ', '-')}.png")
        finally:
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
