"""What axe finds wrong with a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Rules about colours: the only ones to which a dark page can be anything but the light one.
COLOURS = ("color-contrast", "link-in-text-block")

# What is right is neither asked for nor carried over from the browser: there is much of it.
_RUN = """(rules) => axe
  .run({resultTypes: ["violations"], ...(rules.length ? {runOnly: rules} : {})})
  .then((found) => found.violations)"""


def faults(page: Page, *rules: str) -> list[str]:
    """Return what breaks these rules, or any rule, a line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    return [
        f"{fault['id']}: {fault['help']}, at {[node['target'] for node in fault['nodes']]}"
        for fault in page.evaluate(_RUN, list(rules))
    ]
