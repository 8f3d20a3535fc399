"""A real browser (Chromium, headless). What is looked for on a page is waited for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from axe_selenium_python import Axe
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.processes import eventually

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1280,900"),
)


class Chromium:
    """One window."""

    def __init__(self, directory: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for option in (*_OPTIONS, f"--user-data-dir={directory}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def find(self, css: str, text: str = "") -> WebElement | None:
        """The first element that has this text."""
        with suppress(NoSuchElementException, StaleElementReferenceException):
            for element in self.driver.find_elements(By.CSS_SELECTOR, css):
                if text in f"{element.get_attribute('aria-label') or ''} {element.text}":
                    return element
        return None

    def wait(self, css: str, text: str = "") -> WebElement:
        found: WebElement = eventually(lambda: self.find(css, text), f"{css} {text!r} in {self.text()[:800]}")
        return found

    def until(self, said: Callable[[], Any], what: str) -> Any:
        def quiet() -> Any:
            with suppress(StaleElementReferenceException):
                return said()
            return None

        return eventually(quiet, what)

    def click(self, css: str, text: str = "") -> None:
        """Click, and again where the page was made anew meanwhile."""

        def clicked() -> bool:
            with suppress(StaleElementReferenceException):
                element = self.find(css, text)
                if element is not None and element.is_displayed():
                    element.click()
                    return True
            return False

        eventually(clicked, f"{css} {text!r} to click on")

    def type(self, css: str, text: str) -> None:
        self.wait(css).send_keys(text, Keys.ENTER)

    def run(self, script: str) -> Any:
        """What a script of the page returns, which may await."""
        return self.driver.execute_script(f"return (async () => {{{script}}})()")

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def violations(self) -> list[str]:
        """What axe-core finds on the page."""
        axe = Axe(self.driver)
        axe.inject()
        return [
            f"{each['id']}: {node['html'][:200]}"
            for each in axe.run()["violations"]
            for node in each["nodes"]
        ]

    def complaints(self) -> list[str]:
        """What the browser's console has: a script that failed, what the policy refused."""
        said = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in said if entry["level"] in ("SEVERE", "WARNING")]

    def quit(self) -> None:
        self.driver.quit()
