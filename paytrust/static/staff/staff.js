"use strict";

// Selects that send their form when changed; without script a button beside them does.
document.addEventListener("change", (event) => {
  const field = event.target;
  if (field instanceof HTMLSelectElement && field.dataset.send !== undefined) field.form.submit();
});

// Buttons that copy a reference.
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const text = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.textContent = text; }, 1500);
});

// Files are sent in pieces, because the server takes no large bodies. The address in `data-upload`
// opens the upload; its answer says where the pieces go, and which page comes then.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const field = form.querySelector("input[type=file][data-upload]");
  if (!field || !field.files.length) return;
  event.preventDefault();
  const file = field.files[0];
  const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  const bar = document.createElement("progress");
  bar.max = file.size;
  form.querySelectorAll("progress, .staff-refusal").forEach((old) => old.remove());
  form.append(bar);
  const send = async (address, type, body) => {
    const answer = await fetch(address, {
      method: "POST", body, headers: { ...headers, "Content-Type": type },
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.message || answer.statusText);
    return said;
  };
  try {
    const opened = await send(field.dataset.upload, "application/json", JSON.stringify({
      account: form.elements.account?.value,
      currency: form.elements.currency?.value,
      name: file.name,
      size: file.size,
    }));
    for (let at = 0; at < file.size; at += opened.piece_bytes) {
      const piece = file.slice(at, at + opened.piece_bytes);
      const address = `${opened.pieces}${at / opened.piece_bytes}/`;
      await send(address, "application/octet-stream", piece);
      bar.value = at + piece.size;
    }
    window.location.assign(opened.next);
  } catch (error) {
    const refusal = document.createElement("div");
    refusal.className = "staff-refusal mb-4";
    refusal.setAttribute("role", "alert");
    refusal.textContent = error.message;
    bar.remove();
    form.prepend(refusal);
  }
});

// Pages that show how far a job is.
if (document.querySelector("[data-reload]")) setTimeout(() => window.location.reload(), 3000);

// A box that scrolls is a landmark of its own, so it has a name of its own: that of what it holds.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("[data-simplebar]")) {
    const panel = box.closest("nav, #changelist-filter");
    const named = panel ? panel.getAttribute("aria-label") : document.querySelector("h1")?.textContent;
    if (named) box.dataset.simplebarAriaLabel = named.trim();
  }
});

// The rows of a table that is wider than its box are shown as cards. Each cell is told the name of
// its column, and all say what they are, which browsers may forget of a table not shown as one.
const fitTables = () => {
  for (const box of document.querySelectorAll(".staff-scroll")) {
    const tables = box.querySelectorAll(".staff-table");
    for (const table of tables) table.classList.remove("staff-table-of-cards");
    if (box.scrollWidth <= box.clientWidth) continue;
    for (const table of tables) table.classList.add("staff-table-of-cards");
  }
};
document.addEventListener("DOMContentLoaded", () => {
  const roles = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
  for (const table of document.querySelectorAll(".staff-scroll .staff-table")) {
    const names = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
    for (const part of [table, ...table.querySelectorAll("thead, tbody, tr, th, td")]) {
      const head = part.scope === "row" ? "rowheader" : "columnheader";
      part.setAttribute("role", roles[part.tagName] || head);
      if (part.closest("tbody") && part.cellIndex >= 0 && part.colSpan === 1) {
        part.dataset.label = names[part.cellIndex];
      }
    }
  }
  fitTables();
  document.fonts.ready.then(fitTables);
});
window.addEventListener("resize", fitTables);

// Ctrl-K, or Command-K, opens the search on every page; Escape closes it.
document.addEventListener("keydown", (event) => {
  const dialog = document.getElementById("staff-find");
  if (!dialog || event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("input").focus();
});
