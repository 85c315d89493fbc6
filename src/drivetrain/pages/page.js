"use strict";
(() => {
  const root = document.documentElement;
  const remembered = (() => { try { return localStorage.getItem("drivetrain-theme"); } catch { return null; } })();
  if (remembered === "dark" || remembered === "light") root.dataset.theme = remembered;
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);

  function theme(button) {
    const show = () => {
      button.textContent = dark() ? "Light" : "Dark";
      button.setAttribute("aria-label", dark() ? "Switch to the light theme" : "Switch to the dark theme");
      button.setAttribute("aria-pressed", String(dark()));
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("drivetrain-theme", root.dataset.theme); } catch { /* not remembered */ }
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const said = cell.dataset.value ?? cell.textContent.trim();
    if (said === "") return null;
    const number = Number(said.replaceAll(",", ""));
    return Number.isNaN(number) ? said : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      if (head.querySelector(".term")) button.setAttribute("aria-label", `Sort by ${head.textContent}`);
      else button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
        rows.sort(([a], [b]) => (a === null ? 1 : b === null ? -1 : up ? compare(a, b) : compare(b, a)));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }

  function filtered(table) {
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Filter by name";
    input.setAttribute("aria-label", "Filter the table by name");
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    });
    table.parentElement.before(input);
  }

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (button) theme(button);
    document.querySelectorAll("table.sortable").forEach(sortable);
    document.querySelectorAll("table[data-filter]").forEach(filtered);
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();
