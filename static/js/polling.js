// Decides when htmx asks for a buyer's status fragment again; what is shown is always the server's
// fragment. The markup, the answers and the reason for every number: docs/polling.md.
(() => {
  "use strict";
  const region = document.querySelector("[data-poll]");
  if (!region || !window.htmx) return; // Without htmx the page's plain forms and links do the work.

  // htmx writes into the console what it did not hear of: what that means, the page says itself.
  htmx.logger = (_, name, detail) => {
    if (/:(afterRequest|sendError|sendAbort|timeout)$/.test(name)) delete detail.error;
  };

  // htmx notes the page's address for a history that we do not use; nothing is kept in the browser.
  try { sessionStorage.removeItem("htmx-current-path-for-history"); } catch { /* nor can htmx */ }

  const { code, expiredUrl, limitS = 900, title } = region.dataset;
  const offline = document.querySelector("[data-poll-offline]");
  const timeup = document.querySelector("[data-poll-timeup]");
  const check = document.querySelector("[data-poll-check] [data-busy]");
  const checkLabel = check?.textContent;
  let { etag } = region.dataset;
  let status; // the word for what the region shows
  let failures = 0;
  let last = performance.now(); // when we last asked or heard; the page itself was an answer
  let notBefore = 0; // the end of a Retry-After, which no wake-up cuts short
  let inFlight = false;
  let stopped = false; // by the server's "stop"
  let timeIsUp = false;
  let done = false; // another page is being loaded: nothing counts any more
  let told = false; // another tab saw news, and we have not asked since
  let relayed = false; // the question under way is because of such news
  let pollTimer, limitTimer, tabs, focused, checkFocused;

  // While a press on "Pay" is under way its answer is the better way on, if one comes.
  const isPressed = () => document.querySelector("[data-pressed]") !== null;
  const since = (moment) => performance.now() - moment; // ms; never jumps when the clock is set
  const show = (notice, on) => { if (notice?.hidden === on) notice.hidden = !on; };
  const arm = (ms) => { clearTimeout(pollTimer); pollTimer = setTimeout(ask, ms); };
  const limit = (act, s) => { clearTimeout(limitTimer); limitTimer = setTimeout(act, s * 1000); };
  const stay = (event) => { event.preventDefault(); event.returnValue = true; };
  const guard = (on) => window[`${on ? "add" : "remove"}EventListener`]("beforeunload", stay);
  const announce = (name, detail) =>
    region.dispatchEvent(new CustomEvent(`payment:${name}`, { bubbles: true, detail }));

  function busy(on) { // the buyer's own question, until its answer
    if (!check || check.disabled === on) return;
    if (on) checkFocused = document.activeElement === check;
    check.disabled = on;
    check.textContent = on ? check.dataset.busy : checkLabel;
    if (!on && checkFocused && [check, document.body].includes(document.activeElement)) check.focus();
  }

  function ask() {
    clearTimeout(pollTimer);
    if (inFlight || done) return;
    last = performance.now();
    [relayed, told] = [told, false];
    region.dispatchEvent(new Event("poll"));
    if (!inFlight) failed(); // htmx sent nothing: try later rather than fall silent
  }

  function wake() { // At most once a second, and not before the server's Retry-After is over.
    const rest = Math.max(1000 - since(last), -since(notBefore));
    if (rest <= 0) ask();
    else if (!inFlight && !done) arm(rest);
  }

  function listen() {
    if (!window.BroadcastChannel) return; // Safari before 15.4: each tab for itself
    tabs = new BroadcastChannel(`pay:${code}`);
    tabs.onmessage = () => { told = true; wake(); };
  }

  function tell() { // who was told does not tell: the others heard it too
    if (!relayed) tabs?.postMessage("news");
  }

  function wait(header) {
    stopped = header === "stop";
    const seconds = header > 0 ? Math.min(60, Math.max(0.5, header)) : 3;
    if (told) wake(); // this answer may be older than the other tab's news
    else if (!stopped && !timeIsUp) arm(seconds * (document.hidden ? 4000 : 1000));
  }

  function failed(xhr) {
    failures += 1;
    busy(false);
    const header = xhr?.getResponseHeader("Retry-After");
    const until = Date.parse(header) - (Date.parse(xhr?.getResponseHeader("Date")) || Date.now());
    const pause = Math.min(900_000, (header > 0 ? header * 1000 : until) || 0);
    const backoff = Math.min(30_000, 3000 * 2 ** failures) * (0.9 + 0.2 * Math.random());
    if (pause > 0) notBefore = performance.now() + pause;
    if (!timeIsUp) arm(Math.max(backoff, pause));
    if (xhr?.status === 429) show(offline, false); // the server is there, it only asks for patience
    else if (failures > 1) show(offline, true);
  }

  function succeeded(xhr) {
    failures = notBefore = 0;
    busy(false);
    show(offline, false);
    if (history.state?.reloaded) history.replaceState(null, "");
    wait(xhr.getResponseHeader("X-Poll-After"));
  }

  function shown() {
    const root = region.querySelector("[data-status]");
    const before = status;
    status = root?.dataset.status;
    const offers = root?.dataset.offers?.split(" ") ?? [];
    for (const way of document.querySelectorAll("[data-poll-when]")) {
      show(way, way.dataset.pollWhen.split(" ").some((name) => offers.includes(name)));
    }
    const headline = root?.querySelector("[data-headline]")?.textContent;
    if (title && headline) document.title = `${headline} – ${title}`;
    guard(root?.hasAttribute("data-in-flight"));
    if (before && before !== status) announce("status", { status });
  }

  function leave(go) {
    done = true;
    clearTimeout(pollTimer);
    clearTimeout(limitTimer);
    guard(false);
    go();
  }

  function gone(xhr) { // A reload that did not help is not repeated: the mark outlives it.
    if (history.state?.reloaded) return failed(xhr);
    history.replaceState({ reloaded: true }, "");
    leave(() => location.reload());
  }

  function timeUp() {
    if (stopped) return;
    timeIsUp = true;
    clearTimeout(pollTimer);
    focused = document.activeElement;
    show(timeup, true);
    timeup?.querySelector("[data-poll-keep]").focus();
    announce("timeout");
    if (expiredUrl) limit(giveUp, 60);
  }

  function giveUp() { // While the server is away, its page would be the browser's error page.
    if (!failures && !isPressed()) return leave(() => location.replace(expiredUrl));
    ask();
    limit(giveUp, 60);
  }

  function keepChecking() {
    timeIsUp = false;
    show(timeup, false);
    focused.focus();
    limit(timeUp, limitS);
    ask();
  }

  function answered(event) {
    const { xhr } = event.detail;
    const redirect = xhr.status === 200 && xhr.getResponseHeader("HX-Redirect");
    inFlight = false;
    last = performance.now();
    if (isFragment(xhr) && !redirect && !done) { // the one answer that is left to htmx: it swaps
      told = false;
      tell();
      return succeeded(xhr);
    }
    event.preventDefault();
    if (done) return;
    if (redirect && isPressed()) succeeded(xhr);
    else if (redirect) move(redirect, xhr);
    else if (xhr.status === 304) succeeded(xhr);
    else if ([401, 403, 404, 410].includes(xhr.status)) gone(xhr);
    else failed(xhr);
  }

  function isFragment(xhr) { // A captive portal answers 200 as well, but with a page of its own.
    const hasTag = xhr.status === 200 && xhr.getResponseHeader("ETag");
    return hasTag && xhr.response.includes("data-status=");
  }

  function move(redirect, xhr) {
    const to = Object.assign(document.createElement("a"), { href: redirect });
    if (to.origin !== location.origin || to.pathname === location.pathname) return failed(xhr);
    if (isFragment(xhr)) { // the outcome, to be read while its page loads
      const { content } = Object.assign(document.createElement("template"),
        { innerHTML: xhr.response });
      for (const part of content.querySelectorAll("[hx-swap-oob]")) {
        document.getElementById(part.id)?.replaceChildren(...part.childNodes);
        part.remove();
      }
      region.replaceChildren(content);
      shown();
    }
    tell();
    leave(() => location.replace(to.href));
  }

  const unanswered = () => { inFlight = false; if (!done) failed(); };
  const on = (name, act) => region.addEventListener(`htmx:${name}`, (event) => {
    if (event.target === region) act(event); // and not an element of the fragment
  });
  on("configRequest", ({ detail }) => { if (etag) detail.headers["If-None-Match"] = etag; });
  on("beforeRequest", () => { inFlight = true; });
  on("beforeOnLoad", answered);
  on("afterSwap", ({ detail }) => { etag = detail.xhr.getResponseHeader("ETag"); shown(); });
  for (const name of ["sendError", "sendAbort", "timeout"]) on(name, unanswered);

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-poll-check]")) return guard(false); // our own may leave
    if (done) return;
    event.preventDefault();
    if (timeIsUp) keepChecking();
    else if (since(last) >= 1000) ask(); // the buyer's own click need not wait for Retry-After
    busy(inFlight);
  });
  document.addEventListener("payment:check", wake); // pay.js did not hear of a press
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-poll-keep]")) keepChecking();
    else if (target.closest("[data-leave]")) guard(false);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
  window.addEventListener("focus", wake);
  window.addEventListener("online", () => { failures = 0; wake(); });
  window.addEventListener("pagehide", () => tabs?.close()); // open, it may keep us out of bfcache
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) { listen(); shown(); ask(); }
  });

  listen();
  wait(region.dataset.pollAfter);
  shown();
  if (region.dataset.deadlineS) limit(timeUp, region.dataset.deadlineS);
})();
