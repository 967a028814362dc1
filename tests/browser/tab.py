"""A browser tab whose clock moves only when the test says so, while its network stays real."""

from playwright.sync_api import BrowserContext, Locator, Page

from tests.browser.line import Line
from tests.browser.status_server import CODE

# Times are milliseconds of the profile's clock.
NOTES = """
window.heard = {start: performance.now(), asks: [], answers: [],
  statuses: [], timeouts: 0, news: []};
const note = (name, act) => document.addEventListener(name, act);
note("htmx:beforeRequest", () => heard.asks.push(performance.now()));
note("htmx:afterRequest", () => heard.answers.push(performance.now()));
note("payment:status", (event) => heard.statuses.push(event.detail.status));
note("payment:timeout", () => { heard.timeouts += 1; });
const channel = new BroadcastChannel("pay:CODE");
channel.addEventListener("message", ({data}) => heard.news.push(data));
heard.word = (text) => new Promise((done) => {
  const look = () => { if (heard.news.includes(text)) done(); };
  channel.addEventListener("message", look);
  look();
});
heard.all = () => new Promise((done) => {
  const look = () => {
    const {start, asks, answers} = heard;
    const gap = (asks.at(-1) - (answers.at(-2) ?? start)) / 1000;
    if (answers.length === asks.length) done([asks.length, gap]);
  };
  note("htmx:afterRequest", look);
  look();
});
"""
# htmx marks the region itself while a request is under way; nobody sees or hears that.
COUNT_CHANGES = """
window.changes = [];
new MutationObserver((records) => changes.push(...records
  .filter(({target, attributeName}) => target.id !== "payment-status" || attributeName !== "class")
  .map(({type, target}) => `${type} of ${target.nodeName}`)
)).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
"""


def stop_time(context: BrowserContext, code: str = CODE) -> None:
    """Make every page of this context start at time 0 and stay there until told."""
    context.clock.install(time=0)
    context.clock.pause_at(0)
    context.add_init_script(NOTES.replace("CODE", code))


class Tab:
    """One tab that looks at a page of a server, over the line that leads there."""

    def __init__(self, page: Page, server: Line) -> None:
        self.page = page
        self.server = server

    def open(self, name: str = "processing") -> None:
        """Open the page of this name; its scripts have run when this returns."""
        self.page.goto(self.server.address(name))

    @property
    def check_button(self) -> Locator:
        """What the buyer presses who cannot wait."""
        return self.page.locator("[data-poll-check] button")

    def check_now(self) -> None:
        """Press the button and wait for what comes of it."""
        self.check_button.click()
        self.settle()

    def let_pass(self, seconds: float) -> None:
        """Move the clock of all tabs of this profile; what falls due meanwhile happens.

        Answers arrive when the clock stands again, or their time would be a matter of luck.
        """
        self.server.gate.clear()
        self.page.clock.run_for(round(seconds * 1000))
        self.server.gate.set()

    def settle(self) -> None:
        """Wait until the page has dealt with the answer to each of its questions."""
        self.page.evaluate("heard.all()")

    @property
    def asked(self) -> int:
        """How often this page has asked."""
        count: int = self.page.evaluate("heard.asks.length")
        return count

    def asks_after(self, seconds: float, *, jitter: float = 0) -> float:
        """Let time pass until the page has to ask, and wait for its answer.

        Fails unless the page asks exactly once, this long after now (give or take the jitter, a
        fraction). Returns the seconds from the answer before (or from the start) to this question.
        """
        before = self.asked
        slack = seconds * jitter + 0.05
        self.let_pass(seconds - slack)
        assert self.asked == before, f"the page asked sooner than after {seconds} s"
        self.let_pass(2 * slack)
        asked, gap = self.page.evaluate("heard.all()")
        assert asked == before + 1, f"the page did not ask once after {seconds} s"
        return float(gap)

    def wait_for_ask(self, count: int) -> None:
        """Wait until this many polls have reached the server, and this page has its answers."""
        self.server.wait_for_polls(count)
        self.settle()

    def wait_for_news(self, text: str = "news") -> None:
        """Wait until this page has heard this word from another tab."""
        self.page.evaluate("(text) => heard.word(text)", text)

    def words(self) -> str:
        """Return the text that the region shows."""
        return self.page.locator("#payment-status").inner_text()

    def watch_changes(self) -> None:
        """Note from now on whatever changes in the document."""
        self.page.evaluate(COUNT_CHANGES)

    def changes(self) -> list[str]:
        """Return what has changed since then."""
        noted: list[str] = self.page.evaluate("changes")
        return noted

    def heard(self, what: str) -> object:
        """Return what the page noted: `statuses`, `timeouts`, `asks`, `answers` or `news`."""
        return self.page.evaluate(f"heard.{what}")
