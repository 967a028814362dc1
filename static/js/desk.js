// What the desk's pages can do besides their plain forms and links. Without it nothing is missing.
(() => {
  "use strict";

  // Copy buttons: shown where copying works; what is copied stands beside them anyway.
  const reveal = (root) => {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
  };
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.("[data-copy]");
    if (!button) return;
    const label = button.dataset.label ??= button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed: please select the text";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });

  // Fields that one choice needs. Hidden ones are not sent, so that nothing unseen is refused.
  const fit = (group, choice) => {
    group.hidden = group.disabled = choice.value !== group.dataset.shownFor;
  };
  for (const group of document.querySelectorAll("[data-shown-by]")) {
    const choice = document.getElementById(group.dataset.shownBy);
    choice.addEventListener("change", () => fit(group, choice));
    window.addEventListener("pageshow", () => fit(group, choice)); // Back brings the choice back
    fit(group, choice);
  }

  // The polled region is long: only what it is all about is read aloud, in the server's words.
  document.addEventListener("payment:status", ({ target }) => {
    const headline = target.querySelector("[data-headline]");
    const spoken = document.querySelector("[data-announce]");
    if (headline && spoken) spoken.textContent = headline.textContent;
  });

  document.getElementById("errors")?.focus();
  reveal(document);
})();
