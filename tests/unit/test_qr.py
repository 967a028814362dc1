import io

import pytest
import zxingcpp
from PIL import Image, ImageFilter

from tests.unit import orders
from webapp.core.ticket_code import verify
from webapp.documents import qr

CODE = orders.SIGNER.sign(orders.claim(1))


def _open(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def _read(image: Image.Image) -> str:
    (found,) = zxingcpp.read_barcodes(image)
    assert found.format is zxingcpp.BarcodeFormat.QRCode
    return str(found.text)


@pytest.mark.parametrize("number", range(1, 21))
def test_a_tickets_code_reads_back_and_verifies(number: int) -> None:
    claim = orders.claim(number)
    read = _read(_open(qr.png(orders.SIGNER.sign(claim))))
    assert verify(read, orders.SIGNER.public_keys) == claim


@pytest.mark.parametrize(
    "text", ["1", "https://pay.example/pay/K7M2QD4X", "Überfall für Łódź", "票券 🎫", "A" * 1000]
)
def test_any_text_reads_back(text: str) -> None:
    assert _read(_open(qr.png(text))) == text


def test_a_code_survives_a_bad_camera() -> None:
    small = _open(qr.png(CODE)).resize((171, 171), Image.Resampling.BILINEAR)
    bad = small.rotate(7, expand=True, fillcolor=255).filter(ImageFilter.GaussianBlur(0.8))
    assert _read(bad) == CODE


def test_a_code_survives_a_stain() -> None:
    image = _open(qr.png(CODE))
    image.paste(0, (200, 200, 260, 260))
    assert _read(image) == CODE


def test_the_picture_is_black_and_white_with_a_quiet_zone_of_four_modules() -> None:
    image = _open(qr.png(CODE))
    assert (image.mode, image.size) == ("L", (456, 456))
    assert {grey for _, grey in image.getcolors() or ()} == {0, 255}
    dark = image.point(lambda value: 255 - value).getbbox()
    assert dark == (4 * 8, 4 * 8, 456 - 4 * 8, 456 - 4 * 8)


def test_the_same_text_gives_the_same_picture() -> None:
    assert qr.png(CODE) == qr.png(CODE)


def test_a_text_that_no_code_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        qr.png("x" * 3000)
