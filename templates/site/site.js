"use strict";
// Search and filters of the index. The address keeps what is chosen, so that a link leads others to the same rows.
(() => {
  const bar = document.getElementById("filters");
  if (!bar) return;
  bar.hidden = false;
  const names = ["q", "show", "model", "label", "min"];
  const field = (name) => document.getElementById(`filter-${name}`);
  const rows = [...document.querySelectorAll("#rows > tr")];
  const heads = [...document.querySelectorAll(".images thead th[data-model]")];
  // As the page shows it: macOS names files with é as two characters, and a line break in a name is shown as a space.
  const plain = (text) => text.normalize("NFC").replace(/\s+/g, " ").toLowerCase();
  const texts = rows.map((row) => plain(row.textContent));

  const load = () => {
    const chosen = new URLSearchParams(location.hash.slice(1));
    for (const name of names) field(name).value = chosen.get(name) || "";
  };
  const save = () => {
    const chosen = new URLSearchParams();
    for (const name of names) if (field(name).value) chosen.set(name, field(name).value);
    const hash = chosen.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };
  const apply = () => {
    const [q, show, model, label, min] = names.map((name) => field(name).value);
    const least = min === "" ? -1 : Number(min) / 100;
    for (const head of heads) head.hidden = Boolean(model) && head.dataset.model !== model;
    let shown = 0;
    rows.forEach((row, place) => {
      const cells = [...row.querySelectorAll("td[data-model]")];
      for (const cell of cells) cell.hidden = Boolean(model) && cell.dataset.model !== model;
      const fits = (cell) =>
        !cell.hidden &&
        (!label || row.dataset.truth.split("\n").includes(label) || cell.dataset.label === label) &&
        (least < 0 || Number(cell.dataset.confidence ?? -1) >= least) &&
        (!show || show === "disagree" || (cell.dataset.state || "").split(" ").includes(show));
      const whole = show !== "disagree" || row.dataset.state.split(" ").includes("disagree");
      row.hidden = !(whole && texts[place].includes(plain(q.trim())) && cells.some(fits));
      shown += row.hidden ? 0 : 1;
    });
    document.getElementById("shown").textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} images`;
  };
  const isChoice = () => names.some((name) => new URLSearchParams(location.hash.slice(1)).has(name));
  for (const name of names) field(name).addEventListener("input", () => { save(); apply(); });
  addEventListener("hashchange", () => { if (isChoice() || !location.hash) { load(); apply(); } });
  load();
  apply();
})();
