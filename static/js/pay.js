// Presses "Pay" without leaving the page, so that a press that got lost is said in words and can be
// repeated. Every sentence is the server's: docs/polling.md. Without it the form does the work.
(() => {
  "use strict";

  // All attempts are used: the page is fetched anew once another may begin.
  const pause = document.querySelector("[data-reload-after-s]");
  if (pause) setTimeout(() => location.reload(), pause.dataset.reloadAfterS * 1000);

  const form = document.querySelector("[data-pay]");
  if (!form || !window.fetch || !window.AbortController) return;
  const button = form.querySelector("[data-busy]");
  const label = button.textContent;
  let press; // the one under way, or on its way to where it was answered that one pays
  let timer;

  function say(what) {
    for (const notice of document.querySelectorAll("[data-pay-notice]")) {
      notice.hidden = notice.dataset.payNotice !== what;
    }
  }

  function ready(text) {
    clearTimeout(timer);
    press = undefined;
    delete form.dataset.pressed;
    button.disabled = false;
    button.textContent = text;
  }

  function fail(what) {
    ready(button.dataset.again);
    button.focus();
    say(what);
    // It may have arrived all the same: then the poll leads to the payment.
    document.dispatchEvent(new Event("payment:check"));
  }

  function stayed() { // The way there was stopped, or leads nowhere: the page still is of use.
    ready(label);
    document.dispatchEvent(new Event("payment:check"));
  }

  function go(to) {
    const { href, protocol } = new URL(to, location.href);
    if (!/^https?:$/.test(protocol)) throw new TypeError(protocol);
    location.assign(href);
  }

  async function pay() {
    const mine = press = new AbortController();
    const late = (act) => {
      clearTimeout(timer);
      timer = setTimeout(act, form.dataset.payTimeoutS * 1000);
    };
    let problem = "network";
    form.dataset.pressed = ""; // polling.js holds its moves
    button.disabled = true;
    button.textContent = button.dataset.busy;
    say();
    late(() => { problem = "timeout"; mine.abort(); });
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: "application/json" },
        signal: mine.signal,
      });
      if (answer.ok) {
        go((await answer.json()).location);
        return late(stayed);
      }
      if (answer.status < 500) {
        form.submit(); // a refusal has a page of its own
        return late(stayed);
      }
    } catch { /* said below */ }
    if (press === mine) fail(problem);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!press) pay();
  });

  // Back from the bank, out of the browser's cache: ready for another press.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    const left = press;
    ready(label);
    left?.abort();
    say();
  });
})();
