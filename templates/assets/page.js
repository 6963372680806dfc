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

  // tables
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
    table.input = element("input", { type: "search", placeholder: "Filter", ariaLabel: "Filter: " + name });
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

  // maps
  const figure = (value) => String(Number(value.toPrecision(4)));
  const bytes = (base64) => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  const pngOf = async (source) => {
    if (source.startsWith("data:")) return bytes(source.split(",")[1]);
    if (location.protocol === "file:") throw new Error("a page on the disk may not read the files beside it");
    return new Uint8Array(await (await fetch(source)).arrayBuffer());
  };
  const checksum = (content) => {
    let sum = -1;
    for (const byte of content) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = sum >>> 1 ^ (sum & 1 ? 0xEDB88320 : 0);
    }
    return ~sum;
  };
  /** The places 0..255 in its colormap that a picture holds: read with a palette in which each place is its own grey, for colormaps
      have colours twice. The palette is the chunk behind the header: length, name, 768 bytes, checksum. */
  const placesOf = async (grid) => {
    const png = await pngOf(grid.source);
    for (let at = 0; at < 256; at++) png.fill(at, 41 + 3 * at, 44 + 3 * at);
    new DataView(png.buffer).setInt32(809, checksum(png.subarray(37, 809)));
    const context = element("canvas", { width: grid.width, height: grid.height }).getContext("2d", { willReadFrequently: true });
    context.drawImage(await createImageBitmap(new Blob([png])), 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, grid.width, grid.height).data.buffer);
    return Uint8Array.from(pixels);
  };

  /** For each place 0..255 of a map the place it has on the scale that was chosen. */
  const rescaled = (row, channel, made, wanted) => {
    const same = Uint8Array.from(Array(256).keys());
    const ranges = { map: [channel.min, channel.max], layer: [row.min, row.max] };
    const [[low, high], [least, greatest]] = [ranges[made], ranges[wanted]];
    if (made === wanted || ![low, high, least, greatest].every(Number.isFinite) || greatest <= least) return same;
    return same.map((at) => Math.min(255, Math.max(0, Math.round((low + at / 255 * (high - low) - least) / (greatest - least) * 255))));
  };
  const orderOf = (row, order) => {
    const byActivity = (a, b) => b.active - a.active || b.mean - a.mean || a.channel - b.channel;
    const sorted = [...row.channels].sort(order === "activity" ? byActivity : (a, b) => a.channel - b.channel);
    return sorted.map((channel) => row.channels.indexOf(channel));
  };

  /** A colormap's colours as pixels are kept: a number each, red in its lowest byte. */
  const packed = (colormap) => {
    const colours = bytes(colormaps()[colormap]);
    return Uint32Array.from({ length: 256 }, (_, at) => 0xFF000000 | colours[3 * at + 2] << 16 | colours[3 * at + 1] << 8 | colours[3 * at]);
  };
  const paint = (grid, order, chosen) => {
    const { width, height, across, down, row } = grid;
    const colours = packed(chosen.colour);
    const canvas = element("canvas", { width, height });
    const image = canvas.getContext("2d").createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer).fill(-1);
    order.forEach((from, to) => {
      const table = rescaled(row, row.channels[from], grid.scale, chosen.scale);
      const [x0, y0] = [from % row.columns * across, Math.floor(from / row.columns) * down];
      const [x1, y1] = [to % row.columns * across, Math.floor(to / row.columns) * down];
      for (let y = 0; y < down - 1; y++) for (let x = 0; x < across - 1; x++) {
        pixels[(y1 + y) * width + x1 + x] = colours[table[grid.places[(y0 + y) * width + x0 + x]]];
      }
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
    grid.image.setAttribute("href", canvas.toDataURL("image/png"));
  };
  const cross = (x, y, width, height) =>
    `M${x + width * 0.3} ${y + height * 0.3}l${width * 0.4} ${height * 0.4}m0 ${-height * 0.4}l${-width * 0.4} ${height * 0.4}`;
  const arrange = (grid, order) => {
    const { across, down, row } = grid;
    if (String(order) === grid.order) return;
    grid.order = String(order);
    const lines = all(".tiles > div", grid.canvas);
    const crosses = order.map((from, to) => {
      const [x, y] = [to % row.columns * across, Math.floor(to / row.columns) * down];
      const channel = row.channels[from];
      const button = grid.buttons[from];
      lines[Math.floor(to / row.columns)].insertBefore(button, lines[Math.floor(to / row.columns)].children[to % row.columns] ?? null);
      button.popoverTargetElement.querySelector("svg").setAttribute("viewBox", `${x} ${y} ${across - 1} ${down - 1}`);
      return channel.min === 0 && channel.max === 0 ? cross(x, y, across - 1, down - 1) : "";
    });
    grid.canvas.querySelector(".inactive")?.setAttribute("d", crosses.join(""));
  };
  const explain = (grid, chosen) => {
    const [low, high] = all(".scale > span", grid.figure);
    const colours = bytes(colormaps()[chosen.colour]);
    all(".scale stop", grid.figure).forEach((stop, at) => {
      const from = 3 * Math.min(255, 32 * at);
      stop.setAttribute("stop-color", `rgb(${colours.slice(from, from + 3).join(" ")})`);
    });
    grid.words ??= [low.textContent, high.textContent];
    const layer = [grid.row.min, grid.row.max].map((value) => Number.isFinite(value) ? figure(value) : value);
    const shown = chosen.scale === grid.scale ? grid.words : chosen.scale === "layer" ? layer : ["each map's least", "its greatest"];
    [low.textContent, high.textContent] = shown;
  };
  const gridOf = (canvas) => {
    const image = canvas.querySelector("image");
    const index = Number(image.id.split("-")[1]);
    const row = report().feature_maps.rows.find((each) => each.index === index);
    const [width, height] = ["width", "height"].map((name) => Number(image.getAttribute(name)));
    const rows = Math.ceil(row.channels.length / row.columns);
    return {
      canvas, image, row, width, height, figure: canvas.closest("figure"), source: image.getAttribute("href"),
      buttons: all(".tiles button", canvas), order: String([...row.channels.keys()]), scale: report().feature_maps.scale,
      across: (width + 1) / row.columns, down: (height + 1) / rows,
    };
  };
  const redraw = async (grid, chosen, made, isLatest) => {
    const order = orderOf(grid.row, chosen.order);
    if (Object.keys(made).every((key) => made[key] === chosen[key])) grid.image.setAttribute("href", grid.source);
    else {
      grid.places ??= await placesOf(grid);
      if (!isLatest()) return;
      paint(grid, order, chosen);
    }
    arrange(grid, order);
    explain(grid, chosen);
  };
  const chosenOf = (key, options, made) => Object.hasOwn(options, state.get(key)) ? state.get(key) : made;
  const choice = (key, name, options, made) => {
    const select = element("select", {}, ...Object.entries(options).map(([value, text]) => element("option", { value }, text)));
    const show = () => { select.value = chosenOf(key, options, made); };
    select.addEventListener("change", () => choose(key, select.value === made ? "" : select.value));
    listeners.push(show);
    show();
    return element("label", {}, name + " ", select);
  };
  const equipMaps = () => {
    const canvases = all(".canvas");
    if (!canvases.length || !document.getElementById("report-data")) return;
    const { feature_maps: maps, provenance } = report();
    const made = { colour: maps.rows.find((row) => row.picture).picture.colormap, scale: maps.scale, order: provenance.options.sort };
    const options = {
      colour: Object.fromEntries(Object.keys(colormaps()).map((name) => [name, name])),
      scale: { map: "each map's range", layer: "the layer's range" }, order: { index: "channel", activity: "activity" },
    };
    const tools = element("div", { className: "tools" }, choice("colour", "Colours", options.colour, made.colour),
      choice("scale", "Scale by", options.scale, made.scale), choice("order", "Order by", options.order, made.order), element("output"));
    document.querySelector("#feature_maps h3").before(tools);
    const grids = once(() => canvases.map(gridOf));
    let turn = 0;
    const show = async (key) => {
      if (key && !(key in made)) return;
      const chosen = Object.fromEntries(Object.keys(made).map((each) => [each, chosenOf(each, options[each], made[each])]));
      const mine = ++turn;
      document.documentElement.dataset.drawn = false;
      try {
        for (const grid of grids()) if (mine === turn) await redraw(grid, chosen, made, () => mine === turn);
        if (mine === turn) document.documentElement.dataset.drawn = true;
      } catch { tools.lastChild.textContent = "This browser keeps the pictures of a page on the disk to itself."; }
    };
    listeners.push(show);
    if (Object.keys(made).some((key) => state.has(key))) show();
  };

  // a place in a map, shown in the picture
  const SVG = "http://www.w3.org/2000/svg";
  const drawn = (name, attributes, ...children) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const equipPlaces = () => {
    const picture = document.getElementById("input-picture");
    if (!picture || !all(".canvas").length) return;
    const [width, height] = ["width", "height"].map((name) => Number(picture.getAttribute(name)));
    const mark = drawn("rect", {});
    const text = element("span");
    const box = element("div", { className: "where", hidden: true, ariaHidden: "true" },
      drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "pixels" }, drawn("use", { href: "#input-picture" }), mark), text);
    document.body.append(box);
    const follow = (event) => {
      const button = event.pointerType === "mouse" && event.target.closest?.(".tiles button");
      box.hidden = !button;
      if (!button) return;
      const [, , across, down] = button.popoverTargetElement.querySelector("svg").getAttribute("viewBox").split(" ").map(Number);
      const on = button.getBoundingClientRect();
      const column = Math.min(across - 1, Math.max(0, Math.floor((event.clientX - on.left) / on.width * across)));
      const row = Math.min(down - 1, Math.max(0, Math.floor((event.clientY - on.top) / on.height * down)));
      const to = { x: column / across * width, y: row / down * height, width: width / across, height: height / down };
      for (const [key, value] of Object.entries(to)) mark.setAttribute(key, value);
      text.textContent = `${button.ariaLabel}: row ${row}, column ${column}`;
      box.style.left = Math.min(event.clientX + 24, innerWidth - 190) + "px";
      box.style.top = (event.clientY + 24 + 230 > innerHeight ? event.clientY - 230 : event.clientY + 24) + "px";
    };
    document.addEventListener("pointermove", follow);
    for (const leaving of ["pointerleave", "click"]) document.addEventListener(leaving, () => { box.hidden = true; });
  };

  /** The arrow keys lead from an enlarged map to its neighbours. */
  const turnPages = (event) => {
    const open = document.querySelector(".tile:popover-open");
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!open || !step) return;
    const buttons = all(".tiles button", open.parentElement);
    const next = buttons[buttons.findIndex((each) => each.popoverTargetElement === open) + step];
    if (!next) return;
    event.preventDefault();
    open.hidePopover();
    next.focus();
    next.click();
  };

  /** Of a picture old and new: the new one laid over the old, as far as a slider says. */
  const equipVersus = (versus) => {
    const [before, after] = [".old img", ".new img"].map((each) => versus.querySelector(each));
    if (!before || !after) return;
    const over = element("img", { src: after.src, alt: "", className: "over" });
    const slider = element("input", { type: "range", value: 0, ariaLabel: "How much of new is laid over old: " + before.alt });
    const show = () => { over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`; };
    slider.addEventListener("input", show);
    before.after(over);
    before.closest("figure").append(element("label", { className: "tools" }, "Slide to new", slider));
    show();
  };

  readState();
  all(".scrolling").filter((box) => box.querySelector("thead")).forEach(equipTable);
  equipMaps();
  equipPlaces();
  all(".versus").forEach(equipVersus);
  document.addEventListener("keydown", turnPages);
  if (location.hash.includes("?")) document.getElementById(place())?.scrollIntoView();
})();
