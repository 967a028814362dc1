"""Pictures of every page in light, dark and at a phone's width, for docs/screenshots."""

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from PIL import Image
from playwright.sync_api import sync_playwright

from dev.browser import launch
from dev.office import Office
from dev.paths import ROOT
from dev.signals import stopped_by_signals
from dev.stack import Stack
from dev.terminal import finish, step
from dev.walk import PAGES, Walk

FOLDER: Final = ROOT / "docs" / "screenshots"

_LOOKS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "light": {"color_scheme": "light", "viewport": {"width": 1100, "height": 820}},
        "dark": {"color_scheme": "dark", "viewport": {"width": 1100, "height": 820}},
        "phone": {
            "color_scheme": "light",
            "viewport": {"width": 390, "height": 780},
            "device_scale_factor": 1.5,
            "is_mobile": True,
        },
    }
)


def main(words: list[str]) -> int:
    """Take the pictures of the named pages, or of all."""
    wanted = words or list(PAGES)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        stopped_by_signals(),
        Stack(demo="examples", step=step) as stack,
        sync_playwright() as playwright,
    ):
        office = Office(stack)
        walk = Walk.through(stack, office)
        browser = launch(playwright)
        for look, options in _LOOKS.items():
            with step(f"Pages, {look}"):
                for name in wanted:
                    context = browser.new_context(**options)
                    page = context.new_page()
                    PAGES[name](walk, page)
                    page.wait_for_load_state("load")
                    _keep(page.screenshot(full_page=True), f"{name}.{look}.png")
                    context.close()
        browser.close()
        office.close()
    return 0


def _keep(picture: bytes, name: str) -> None:
    """Store a picture in 256 colours: a page has few, and the repository keeps every version."""
    with Image.open(io.BytesIO(picture)) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small.save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    finish(main)
