"""docs/api.md tells of every route there is for programs, and of no other."""

import re

from flask import Flask

from tests.house.test_routes import routes
from webapp.config import ROOT
from webapp.web.limits import Group, group_of

PAGE = (ROOT / "docs" / "api.md").read_text()
# | `GET /api/…` | who | limit |
ROWS = re.findall(r"^\| `([A-Z]+) (/api/\S+)` \| .+ \| (.+) \|$", PAGE, re.MULTILINE)
GROUPS = {"polling": Group.POLLS, "API": Group.API, "none": None}


def test_the_page_tells_each_route_and_what_limits_it(app: Flask) -> None:
    ours = {one for one in routes(app) if one[1].startswith("/api/")}
    told = {(method, rule): GROUPS[limit] for method, rule, limit in ROWS}
    assert told == {one: group_of(*one) for one in ours}
