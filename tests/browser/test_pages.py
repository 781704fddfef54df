"""The pages in a real browser: nothing is loaded, nothing complains, everybody can read them."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

PHONE, DESK = 390, 1280
GRAVE = {"serious", "critical"}


@dataclasses.dataclass
class Opened:
    """A page with what the browser said while it was open: errors and warnings, and addresses asked for."""

    page: Page
    complaints: list[str]
    asked: list[str]


@contextmanager
def opened(
    browser: Browser, path: pathlib.Path, width: int = DESK, scheme: Literal["light", "dark"] = "light", **options: Any
) -> Iterator[Opened]:
    """Open a page; whatever it asks for beside itself is recorded and refused."""
    address = path.resolve().as_uri()
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, **options)
    context.route("**/*", lambda route: route.continue_() if route.request.url == address else route.abort())
    found = Opened(context.new_page(), [], [])
    found.page.on("console", lambda said: found.complaints.append(f"{said.type}: {said.text}"))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.goto(address)
    yield found
    context.close()


def open_details(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def test_a_page_asks_for_nothing_but_itself_and_nothing_complains(browser: Browser, shown: pathlib.Path) -> None:
    with opened(browser, shown) as found:
        found.page.wait_for_load_state("networkidle")
        assert found.page.title()
        assert [url for url in found.asked if not url.startswith("data:")] == [shown.resolve().as_uri()]
        assert found.complaints == []


def test_axe_finds_no_grave_violation(browser: Browser, shown: pathlib.Path) -> None:
    with opened(browser, shown) as found:
        open_details(found.page)
        for scheme, width in itertools.product(("light", "dark"), (DESK, PHONE)):
            found.page.emulate_media(color_scheme=scheme)
            found.page.set_viewport_size({"width": width, "height": 800})
            grave = [
                f"{scheme}, {width} px: {one['id']}: {node['target']} {node['failureSummary']}"
                for one in Axe().run(found.page).response["violations"]
                if one["impact"] in GRAVE
                for node in one["nodes"]
            ]
            assert not grave, "\n".join(grave)


def test_a_phone_scrolls_no_page_sideways(browser: Browser, shown: pathlib.Path) -> None:
    with opened(browser, shown, PHONE) as found:
        open_details(found.page)
        assert found.page.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_a_page_needs_no_script(browser: Browser, shown: pathlib.Path) -> None:
    with opened(browser, shown, java_script_enabled=False) as found:
        assert found.page.locator("script").count() == 0
        assert found.page.locator("h1").is_visible()
        hidden = found.page.locator("details").first
        if hidden.count():
            hidden.locator("summary").click()
            assert hidden.locator("table, dl").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_take_the_colours_of_the_page(
    browser: Browser, made: pathlib.Path, scheme: Literal["light", "dark"]
) -> None:
    with opened(browser, made / "full.html", scheme=scheme) as found:
        ink, text = (
            found.page.evaluate(f"getComputedStyle(document.querySelector('{name}')).{what}")
            for name, what in (("body", "color"), (".plot text", "fill"))
        )
        assert text == ink


def test_wide_tables_can_be_reached_and_scrolled_by_keyboard(browser: Browser, made: pathlib.Path) -> None:
    with opened(browser, made / "full.html", PHONE) as found:
        region = found.page.get_by_role("region", name="All entrants")
        region.focus()
        found.page.keyboard.press("ArrowRight")
        found.page.wait_for_timeout(500)  # it scrolls smoothly; the page's own policy forbids to wait by a script
        assert region.evaluate("table => table.scrollLeft") > 0
