import os
import subprocess
import sys

from webapp.config import ROOT, Settings


def test_the_web_server_starts_without_what_only_the_worker_needs(settings: Settings) -> None:
    # WeasyPrint alone takes 0.4 s and 30 MB of each web process.
    show = (
        "import sys, wsgi; print('weasyprint' in sys.modules, 'webapp.web.tickets' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=ROOT,
        env=os.environ | {"SANDBOX_SECRET": settings.sandbox_secret.get_secret_value()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "True"]
