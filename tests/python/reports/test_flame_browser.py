# SPDX-License-Identifier: MIT
"""The flame graph in Chromium: it draws, zooms, searches, switches, and asks for nothing.

Pictures of it are left in the folder of the test.
"""

import json
import shutil
import time

import pytest
from made_traces import HOSTILE, made_trace, stack

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

PROGRAMS = ("chromium", "chromedriver")
SWITCHES = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --window-size=1280,800
    """.split()
SECONDS = 10  # for what takes a moment


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    chromium, driver = map(shutil.which, PROGRAMS)
    if not chromium or not driver:
        pytest.skip(f"{' and '.join(PROGRAMS)} are not both installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield started
    started.quit()


class Shown:
    """A page in the browser."""

    def __init__(self, browser, path):
        self.browser = browser
        self.path = path
        browser.get("about:blank")
        browser.get_log("performance")
        browser.get_log("browser")
        browser.get(path.as_uri())

    def requests(self):
        """Everything the page asked for since it was opened."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")
        ]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def text(self, name):
        return self.browser.find_element(By.ID, name).text

    def boxes(self):
        """Name -> width in pixels, of what is drawn."""
        script = """return [...document.querySelectorAll("g.frame")].map(
            g => [g.getAttribute("name"), g.getBoundingClientRect().width])"""
        return dict(self.browser.execute_script(script))

    def colours(self):
        script = """return [...document.querySelectorAll("g.frame")].map(
            g => [g.getAttribute("name"), g.querySelector("rect").getAttribute("fill")])"""
        return dict(self.browser.execute_script(script))

    def box(self, start):
        """The rectangle of the first box whose name starts so."""
        for group in self.browser.find_elements(By.CSS_SELECTOR, "g.frame"):
            if group.get_attribute("name").startswith(start):
                return group.find_element(By.TAG_NAME, "rect")
        raise AssertionError(f"no box {start}: {list(self.boxes())}")

    def wait(self, is_so):
        end = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < end, f"not so after {SECONDS} seconds"
            time.sleep(0.05)

    def picture(self, name):
        time.sleep(0.6)  # labels fade in
        self.browser.save_screenshot(str(self.path.parent / f"{name}.png"))


@pytest.fixture
def show(browser, tmp_path):
    """show(trace): its flame graph, opened from a file."""

    def open_page(trace):
        path = tmp_path / "memory.html"
        trace.report(path=path)
        return Shown(browser, path)

    return open_page


def test_a_page_shows_what_the_trace_holds(show, trace):
    page = show(trace)
    assert {"handle", "render", "worker"} <= {name.split()[0] for name in page.boxes()}
    assert "The numbers are exact" in page.text("sum")
    assert "Wider is more memory" in page.text("key")
    page.picture("plain")
    assert page.requests() == [page.path.as_uri()]
    assert page.browser.get_log("browser") == []


def test_a_click_zooms_and_escape_shows_all(show, trace):
    page = show(trace)
    full = page.boxes()["everything"]
    before = page.boxes()
    (name,) = [name for name in before if name.startswith("handle") and before[name] < full / 2][:1]
    page.box(name).click()
    page.wait(lambda: page.boxes().get(name, 0) > 0.99 * full)
    assert "worker" not in {name.split()[0] for name in page.boxes()}
    assert page.text("details").startswith("Zoomed to handle")
    page.picture("zoomed")
    page.browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    page.wait(lambda: abs(page.boxes().get(name, 0) - before[name]) < 1)
    assert not page.browser.find_element(By.ID, "reset").is_displayed()


def test_search_highlights_and_adds_up(show, trace):
    page = show(trace)
    plain = page.colours()
    page.browser.find_element(By.ID, "search").send_keys("MAKE_session")
    page.wait(lambda: "found" in page.text("found"))
    changed = {name for name, colour in page.colours().items() if colour != plain[name]}
    assert changed and all(name.startswith("make_session") for name in changed)
    assert f"{len(changed)} box" in page.text("found") and "KiB" in page.text("found")
    page.picture("found")
    page.browser.find_element(By.ID, "search").send_keys(Keys.CONTROL, "a", Keys.DELETE)
    page.wait(lambda: page.colours() == plain)


def test_a_tip_shows_bytes_and_blocks(show, trace):
    page = show(trace)
    ActionChains(page.browser).move_to_element(page.box("make_session")).perform()
    page.wait(lambda: "blocks" in page.text("tip"))
    assert "shop.py:" in page.text("tip") and "KiB" in page.text("tip")
    page.picture("tip")


def test_figures_can_be_switched(show, trace):
    page = show(trace)
    live = page.text("sum")
    page.browser.find_element(By.CSS_SELECTOR, "button[value=total]").click()
    assert page.text("sum") != live and "allocated in all" in page.text("sum")
    assert any("JSONEncoder" in name or "dumps" in name for name in page.boxes())
    assert page.browser.get_log("browser") == []


def test_a_dark_screen_gets_a_dark_page(show, sampled):
    page = show(sampled)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        script = "return getComputedStyle(document.body).backgroundColor"
        assert page.browser.execute_script(script) == "rgb(21, 24, 28)"
        assert page.text("sum").startswith("about ") and "estimated" in page.text("sum")
        page.picture("dark")
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_names_of_strangers_stay_text(show):
    rows = [stack((name, "/srv/" + name, 1), (name, "/srv/b.py", 2)) for name in HOSTILE]
    page = show(made_trace(rows))
    assert any(name.startswith("</script><script>") for name in page.boxes())
    script = "return [document.scripts.length, document.querySelectorAll('#chart b').length]"
    assert page.browser.execute_script(script) == [4, 0]
    ActionChains(page.browser).move_to_element(page.box("<b>")).perform()
    page.wait(lambda: "<b>&amp;" in page.text("tip"))
    assert page.browser.get_log("browser") == []


def test_a_page_without_stacks_says_so(show, without_stacks):
    page = show(without_stacks)
    assert page.text("empty") and page.boxes() == {}
    assert page.browser.get_log("browser") == []


def test_a_deep_stack_can_be_zoomed(show):
    page = show(made_trace([stack(*[("down", "/srv/app.py", n) for n in range(1, 1024)])]))
    assert len(page.boxes()) == 1025  # with all, and the callers beyond the limit
    page.browser.execute_script(
        """document.querySelectorAll("g.frame")[1000].dispatchEvent(new MouseEvent("click"))"""
    )
    page.wait(lambda: "Zoomed to down" in page.text("details"))
    assert page.browser.get_log("browser") == []
