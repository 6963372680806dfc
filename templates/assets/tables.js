/* Tables are sorted, filtered and copied. */
const words = (cell) => cell.textContent.trim().replace(/\s+/g, " ");
const number = (text) => parseFloat(text.replace(/,/g, "").replace(/^[<>] /, ""));
const byText = (left, right) => left.localeCompare(right, "en", { numeric: true });
const byNumber = (left, right) => {
  const [a, b] = [number(left), number(right)];
  return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : a - b;
};
const sortRows = (table, rows) => {
  const [, down, column] = (state.get(table.key + ".sort") ?? "").match(/^(-?)(\d+)$/) ?? [];
  const heads = all("thead th", table.element);
  const sorted = [...rows];
  if (column in heads) {
    const compare = heads[column].classList.contains("number") ? byNumber : byText;
    const kept = new Map(rows.map((row) => [row, words(row.cells[column])]));
    sorted.sort((a, b) => compare(kept.get(a), kept.get(b)) * (down ? -1 : 1));
  }
  heads.forEach((head, at) => {
    if (String(at) === column) head.ariaSort = down ? "descending" : "ascending"; else head.removeAttribute("aria-sort");
  });
  table.element.tBodies[0].append(...sorted);
};
const filterRows = (table, rows) => {
  const asked = state.get(table.key + ".find") ?? "", wanted = asked.toLowerCase();
  for (const row of rows) row.hidden = !words(row).toLowerCase().includes(wanted);
  const left = rows.filter((row) => !row.hidden).length;
  table.count.textContent = wanted ? left + " of " + rows.length + " rows" : "";
  if (table.input.value !== asked) table.input.value = asked;
};

/** A cell as a spreadsheet may have it: quoted, and never a formula. Where cells end at a semicolon or a tab, the quotes behind a
    comma are letters like others: there no part of a cell may be a formula either. */
const csvCell = (text) => {
  const formula = /^[=+\-@]/.test(text) && Number.isNaN(Number(text.replace(/,/g, "")));
  const safe = (formula ? "'" : "") + text.replace(/([;\t])(?=[\s"]*[=+\-@])/g, "$1'");
  return /[",;\t\r\n]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
};
const csvRow = (row) => [...row.cells].flatMap((cell) => [csvCell(words(cell)), ...Array(cell.colSpan - 1).fill("")]).join(",") + "\n";
const csvOf = (table) => all("tr", table).filter((row) => !row.hidden).map(csvRow).join("");
const copy = async (text) => {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* not allowed here: the older way */ }
  const area = element("textarea", { value: text, className: "unseen" });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
};
const sortButtons = (table) => all("thead th", table.element).forEach((head, at) => {
  const button = element("button", { type: "button", className: "sort" }, ...head.childNodes);
  button.addEventListener("click", () => {
    const now = state.get(table.key + ".sort");
    choose(table.key + ".sort", now === String(at) ? "-" + at : now === "-" + at ? "" : String(at));
  });
  head.append(button);
});
const equipTable = (box, at) => {
  const table = { element: box.querySelector("table"), key: "t" + at };
  const name = box.getAttribute("aria-label");
  const rows = [...table.element.tBodies[0].rows];
  table.input = element("input", { type: "search", placeholder: "Search rows", ariaLabel: "Search rows: " + name });
  table.count = element("output");
  const button = element("button", { type: "button", ariaLabel: "Copy as CSV: " + name }, "Copy as CSV");
  table.input.addEventListener("input", () => choose(table.key + ".find", table.input.value));
  button.addEventListener("click", async () => {
    table.count.textContent = await copy(csvOf(table.element)) ? "Copied" : "The browser did not allow it";
  });
  box.before(element("div", { className: "tools" }, ...(rows.length > 5 ? [table.input] : []), button, table.count));
  sortButtons(table);
  const show = (key) => {
    if (key && !key.startsWith(table.key + ".")) return;
    sortRows(table, rows);
    filterRows(table, rows);
  };
  listeners.push(show);
  if ([...state.keys()].some((key) => key.startsWith(table.key + "."))) show();
};
