// Keeps an open payment page up to date: its state, the time left, buttons that copy.
"use strict";

(() => {
  const page = document.querySelector("[data-status-path]");
  if (!page) return;

  const LONGEST_COUNTDOWN = 48 * 3600; // seconds; beyond it the deadline alone says more
  const QUICK = 3000, SLOW = 10000, QUICK_FOR = 10 * 60 * 1000; // milliseconds
  const opened = Date.now();
  const secondsGiven = Number(page.dataset.secondsLeft);
  const said = document.getElementById("said");

  const secondsLeft = () => Math.max(0, secondsGiven - Math.floor((Date.now() - opened) / 1000));

  const ask = async () => {
    const response = await fetch(page.dataset.statusPath, { cache: "no-store" });
    if (!response.ok) return;
    const { status } = await response.json();
    if (status !== "pending") location.reload();
  };

  const follow = async () => {
    if (!document.hidden) {
      try {
        await ask();
      } catch {
        // no network just now; the next round asks again
      }
    }
    setTimeout(follow, Date.now() - opened < QUICK_FOR ? QUICK : SLOW);
  };

  const countDown = () => {
    const row = document.getElementById("time-left");
    const seconds = secondsLeft();
    row.hidden = seconds > LONGEST_COUNTDOWN;
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    row.querySelector("[role=timer]").textContent = parts
      .map((part) => String(part).padStart(2, "0"))
      .join(":");
    if (seconds > 0) setTimeout(countDown, 1000);
  };

  const copy = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea"); // pages without TLS have no clipboard
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };

  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await copy(button.dataset.copy);
      button.focus();
      button.textContent = said.textContent = button.dataset.copied;
      setTimeout(() => {
        button.textContent = label;
        said.textContent = "";
      }, 2000);
    });
  }

  document.getElementById("waiting").hidden = false;
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask().catch(() => {});
  });
  countDown();
  follow();
})();
