"""Looks into a PDF as a reader and as a scanner would."""

import zxingcpp
from PIL import Image
from pypdfium2 import PdfDocument

_SCANNED_AT_DPI = 120


class Pages:
    """What stands on each page, and what a scanner reads there."""

    def __init__(self, pdf: bytes) -> None:
        with PdfDocument(pdf) as document:
            self.metadata: dict[str, str] = document.get_metadata_dict()
            self.sizes_mm: list[tuple[int, int]] = []
            self.texts: list[str] = []
            self.codes: list[list[str]] = []
            for page in document:
                self.sizes_mm.append(
                    (round(page.get_width() / 72 * 25.4), round(page.get_height() / 72 * 25.4))
                )
                words = page.get_textpage()
                self.texts.append(words.get_text_bounded())
                words.close()
                image: Image.Image = page.render(scale=_SCANNED_AT_DPI / 72).to_pil()
                self.codes.append([code.text for code in zxingcpp.read_barcodes(image)])
                page.close()

    def __len__(self) -> int:
        """How many pages there are."""
        return len(self.texts)
