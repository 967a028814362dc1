"""Text in, QR code out."""

import io
from typing import Final

from PIL import Image
from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M

# Trying all eight masks takes four fifths of the whole time and gains nothing a scanner notices:
# the text of a ticket is mostly signature, which looks random under every mask.
_MASK: Final = 2

_QUIET_ZONE: Final = 4
_PIXELS_PER_MODULE: Final = 8

_DARK: Final = b"\x00"
_LIGHT: Final = b"\xff"


def png(text: str) -> bytes:
    """Draw a text as a QR code: level M, the smallest version that holds it, quiet zone of 4.

    Returns:
        A grey PNG of 8 pixels a module; a ticket's code makes 456 pixels, which is more than
        200 dpi at 5 cm.

    Raises:
        ValueError: the text is too long for any QR code (about 2,300 bytes).
    """
    code = QRCode(error_correction=ERROR_CORRECT_M, border=_QUIET_ZONE, mask_pattern=_MASK)
    code.add_data(text)
    modules = code.get_matrix()
    side = len(modules)
    pixels = b"".join(_DARK if dark else _LIGHT for row in modules for dark in row)
    # Grey, though one bit would do: WeasyPrint makes colour of one bit, which costs 10 ms a page.
    image = Image.frombytes("L", (side, side), pixels)
    large = image.resize((side * _PIXELS_PER_MODULE,) * 2, Image.Resampling.NEAREST)
    file = io.BytesIO()
    large.save(file, "PNG")
    return file.getvalue()
