/* Comfort for a page that is whole without it: tables are sorted, filtered and copied, maps re-coloured, re-scaled and re-ordered,
   a place in a map is shown in the picture. What was chosen stands in the address, behind the "?" of its fragment. */
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const data = (id) => JSON.parse(document.getElementById(id).textContent);
  const once = (make) => { let made; return () => (made ??= make()); };
  const report = once(() => data("report-data"));
  const colormaps = once(() => data("colormaps"));

  /** An element with properties and children; text is only ever set as text. */
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // the state in the fragment: #place?key=value&...
  const state = new URLSearchParams();
  const listeners = [];
  const place = () => location.hash.slice(1).split("?")[0];
  const readState = () => {
    const text = location.hash.split("?").slice(1).join("?");
    for (const key of [...state.keys()]) state.delete(key);
    for (const [key, value] of new URLSearchParams(text)) state.set(key, value);
  };
  const writeState = () => {
    try {
      history.replaceState(null, "", "#" + place() + (state.size ? "?" + state : ""));
    } catch { /* a browser may refuse many changes in a short time: the next one will do */ }
  };
  const choose = (key, value) => {
    if (value) state.set(key, value); else state.delete(key);
    writeState();
    for (const listen of listeners) listen(key);
  };
  window.addEventListener("hashchange", () => {
    if (!location.hash.includes("?")) { writeState(); return; }
    readState();
    for (const listen of listeners) listen();
  });

  // MLflow shows a page as a blob in a sandboxed frame, where the browser follows no link, not even to a place in the page
  if (location.protocol === "blob:") {
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']");
      const target = link && document.getElementById(link.getAttribute("href").slice(1));
      if (!target) return;
      event.preventDefault();
      for (let each = target; each; each = each.parentElement) if (each.localName === "details") each.open = true;
      target.scrollIntoView();
    });
  }

  /* include tables.js */
  /* include maps.js */
  /* include places.js */
  /* include enlarged.js */
  /* include comparisons.js */

  readState();
  all(".scrolling").filter((box) => box.querySelector("thead")).forEach(equipTable);
  equipMaps();
  equipPlaces();
  all(".versus").forEach(equipVersus);
  all(".versus[data-tiles]").forEach(equipTrio);
  equipEnlarged();
  all("section:has(.excited)").forEach(equipExcited);
  if (location.hash.includes("?")) document.getElementById(place())?.scrollIntoView();
})();
