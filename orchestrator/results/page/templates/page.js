"use strict";
// Sorts and filters tables, shows or hides replicates, and highlights a technique. The page is complete without it.

// The number that a cell begins with, such as 16 in "≥ 16×"; text and names without one are sorted as text.
function number(text) {
  const match = text.replace(/,/g, "").replace("−", "-").match(/^\s*[≥<]?\s*([-+]?\d*\.?\d+)/);
  return match ? parseFloat(match[1]) : NaN;
}

function compare(first, second) {
  const [a, b] = [number(first), number(second)];
  if (!isNaN(a) && !isNaN(b) && a !== b) return a - b;
  if (isNaN(a) !== isNaN(b)) return isNaN(a) ? 1 : -1;
  return first.localeCompare(second, "en");
}

function sort(table, index, header) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  rows.sort((a, b) => compare(a.cells[index].textContent, b.cells[index].textContent) * (ascending ? 1 : -1));
  body.append(...rows);
}

function makeSortable(table) {
  Array.from(table.tHead.rows[0].cells).forEach((header, index) => {
    if (header.tagName !== "TH") return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(table, index, header));
    header.replaceChildren(button);
  });
}

function makeFilterable(table) {
  const input = document.createElement("input");
  input.type = "search";
  input.className = "filter";
  input.placeholder = "Filter rows";
  input.setAttribute("aria-label", "Filter rows of: " + table.caption.textContent);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  table.before(input);
}

function addReplicateSwitch(legend) {
  const tools = document.createElement("li");
  const label = document.createElement("label");
  const box = document.createElement("input");
  tools.className = "tools";
  box.type = "checkbox";
  box.checked = true;
  box.addEventListener("change", () => document.body.classList.toggle("bare", !box.checked));
  label.append(box, " Show replicates");
  tools.append(label);
  legend.append(tools);
}

let pinned = null;

function light(technique) {
  const lit = technique || pinned;
  document.body.classList.toggle("focus", Boolean(lit));
  for (const mark of document.querySelectorAll("figure .t")) {
    mark.classList.toggle("lit", Boolean(lit) && mark.classList.contains(lit));
  }
}

function pin(technique) {
  pinned = pinned === technique ? null : technique;
  for (const button of document.querySelectorAll(".legend button")) {
    button.setAttribute("aria-pressed", String(button.parentElement.dataset.technique === pinned));
  }
  light(null);
}

function makeHighlightable(item) {
  const technique = item.dataset.technique;
  const button = document.createElement("button");
  button.type = "button";
  button.title = "Highlight in all figures";
  button.setAttribute("aria-pressed", "false");
  button.append(...item.childNodes);
  item.append(button);
  button.addEventListener("click", () => pin(technique));
  button.addEventListener("mouseenter", () => light(technique));
  button.addEventListener("mouseleave", () => light(null));
  button.addEventListener("focus", () => light(technique));
  button.addEventListener("blur", () => light(null));
}

for (const table of document.querySelectorAll("table")) {
  makeSortable(table);
  if (table.tBodies[0].rows.length > 12) makeFilterable(table);
}
document.querySelectorAll(".legend li").forEach(makeHighlightable);
addReplicateSwitch(document.querySelector(".legend"));
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll(".view details")) details.open = true;
});
