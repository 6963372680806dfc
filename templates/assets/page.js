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

  /** The values at both ends of a map's colours; of a layer with values of either sign 0 lies in the middle. */
  const rangeOf = (row, channel, scale) => {
    const [low, high] = scale === "layer" ? [row.min, row.max] : [channel.min, channel.max];
    const most = Math.max(Math.abs(low), Math.abs(high));
    return row.signed ? [-most, most] : [low, high];
  };
  /** For each place 0..255 of a map the place it has on the scale that was chosen. */
  const rescaled = (row, channel, made, wanted) => {
    const same = Uint8Array.from(Array(256).keys());
    const [[low, high], [least, greatest]] = [rangeOf(row, channel, made), rangeOf(row, channel, wanted)];
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
  /** Colours are chosen for maps without a sign: the others need those that diverge from 0. */
  const colourOf = (row, chosen) => row.signed ? row.picture.colormap : chosen.colour;
  const paint = (grid, order, chosen) => {
    const { width, height, across, down, row } = grid;
    const colours = packed(colourOf(row, chosen));
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
    const [low, high] = all(":scope > .scale > span", grid.figure);
    const colours = bytes(colormaps()[colourOf(grid.row, chosen)]);
    all(":scope > .scale stop", grid.figure).forEach((stop, at) => {
      const from = 3 * Math.min(255, 32 * at);
      stop.setAttribute("stop-color", `rgb(${colours.slice(from, from + 3).join(" ")})`);
    });
    grid.words ??= [low.textContent, high.textContent];
    const layer = rangeOf(grid.row, null, "layer").map((value) => Number.isFinite(value) ? figure(value) : value);
    const each = [grid.row.signed ? "−max of the map" : "min of the map", "max of the map"];
    [low.textContent, high.textContent] = chosen.scale === grid.scale ? grid.words : chosen.scale === "layer" ? layer : each;
    for (const order of all(".order", grid.figure)) order.textContent = order.dataset[chosen.order];
    grid.chosen = chosen;
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
  const grids = once(() => all(".canvas").filter((each) => each.querySelector(".tiles")).map(gridOf));
  const equipMaps = () => {
    if (!all(".canvas").length || !document.getElementById("report-data")) return;
    const { feature_maps: maps, provenance } = report();
    const made = { colour: (maps.rows.find((row) => row.picture && !row.signed) ?? maps.rows.find((row) => row.picture)).picture.colormap, scale: maps.scale, order: provenance.options.sort };
    const options = {
      colour: Object.fromEntries(Object.keys(colormaps()).map((name) => [name, name])),
      scale: { map: "each map's range", layer: "the layer's range" }, order: { index: "channel", activity: "activity" },
    };
    const tools = element("div", { className: "tools" }, choice("colour", "Colours", options.colour, made.colour),
      choice("scale", "Scale by", options.scale, made.scale), choice("order", "Order by", options.order, made.order), element("output"));
    document.querySelector("#feature_maps h3").before(tools);
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
  /** The layer table's row of a map's layer: what one of its values sees of the input. */
  const fieldOf = (row) => (report().layers.rows ?? []).find((each) => each.index === row.index)?.receptive_field;
  /** Along one side: where the values `first` to `last` of a map lie on the input, and what they see of it, cut at its edges. */
  const along = (axis, first, last, cells, side, field) => {
    if (field?.extent !== "part" || !field.stride || !field.size || !field.offset) {
      return { cell: [first / cells * side, (last + 1) / cells * side], seen: field?.extent === "whole" ? [0, side] : null };
    }
    const [begin, end] = [first, last].map((at) => field.offset[axis] + 0.5 + at * field.stride[axis]);
    const around = (half) => [Math.max(0, begin - half), Math.min(side, end + half)];
    return { cell: around(field.stride[axis] / 2), seen: around(field.size[axis] / 2) };
  };
  const frame = (rect, across, down) => {
    rect.toggleAttribute("hidden", !across || !down);
    if (!across || !down) return;
    const to = { x: across[0], y: down[0], width: Math.max(0, across[1] - across[0]), height: Math.max(0, down[1] - down[0]) };
    for (const [key, value] of Object.entries(to)) rect.setAttribute(key, value);
  };
  /** The image with two frames: where a place of a map lies, and its receptive field. */
  const imageWithPlace = (picture) => {
    const [width, height] = ["width", "height"].map((name) => Number(picture.getAttribute(name)));
    const [cell, seen] = ["cell", "seen"].map((name) => drawn("rect", { class: name }));
    const peak = drawn("circle", { class: "peak", r: Math.max(width, height) / 45, hidden: "" });
    const label = "The model input; frames mark the chosen place and what it sees of the image";
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "pixels", role: "img", "aria-label": label },
      drawn("use", { href: "#input-picture" }), seen, cell, peak);
    const of = (row, axis, first, last) => along(axis, first, last, row.shape[axis], [height, width][axis], fieldOf(row));
    /** A ring around the place of the greatest value. */
    const ring = (row, place) => {
      const [cy, cx] = place.map((at, axis) => of(row, axis, at, at).cell).map(([begin, end]) => (begin + end) / 2);
      for (const [key, value] of Object.entries({ cx, cy })) peak.setAttribute(key, value);
      peak.removeAttribute("hidden");
    };
    const show = (row, line, column) => {
      const many = row.reduction;
      const [down, across] = [line, column].map((at, axis) => of(row, axis, at * many, Math.min(row.shape[axis], (at + 1) * many) - 1));
      frame(cell, across.cell, down.cell);
      frame(seen, across.seen, down.seen);
    };
    return { svg, show, ring };
  };
  const clamped = (value, most) => Math.min(most, Math.max(0, value));
  /** The place (row, column) in a map under a pointer. */
  const placeUnder = (event, on, across, down) => [
    clamped(Math.floor((event.clientY - on.top) / on.height * down), down - 1),
    clamped(Math.floor((event.clientX - on.left) / on.width * across), across - 1),
  ];
  const sizeOf = (tile) => tile.querySelector("svg").getAttribute("viewBox").split(" ").map(Number).slice(2);
  const equipPlaces = () => {
    const picture = document.getElementById("input-picture");
    if (!picture || !all(".canvas").length || !document.getElementById("report-data")) return;
    const image = imageWithPlace(picture);
    const text = element("span");
    const box = element("div", { className: "where", hidden: true, ariaHidden: "true" }, image.svg, text);
    document.body.append(box);
    const follow = (event) => {
      const button = event.pointerType === "mouse" && event.target.closest?.(".tiles button");
      box.hidden = !button;
      if (!button) return;
      const [row, column] = placeUnder(event, button.getBoundingClientRect(), ...sizeOf(button.popoverTargetElement));
      image.show(grids().find((grid) => grid.canvas.contains(button)).row, row, column);
      text.textContent = `${button.ariaLabel}: row ${row}, column ${column}`;
      box.style.left = Math.min(event.clientX + 24, innerWidth - 190) + "px";
      box.style.top = (event.clientY + 24 + 230 > innerHeight ? event.clientY - 230 : event.clientY + 24) + "px";
    };
    document.addEventListener("pointermove", follow);
    for (const leaving of ["pointerleave", "click"]) document.addEventListener(leaving, () => { box.hidden = true; });
  };

  // an enlarged map: beside it the image, below it its values, and the filter itself
  const step = (tile, by) => {
    const buttons = all(".tiles button", tile.parentElement);
    const next = buttons[buttons.findIndex((each) => each.popoverTargetElement === tile) + by];
    if (!next) return;
    tile.hidePopover();
    next.focus();
    next.click();
  };
  /** A part of a picture that the page shows elsewhere, or all of it. */
  const again = (source, width, height, part, label) => drawn("svg",
    { viewBox: part.join(" "), class: "pixels", role: "img", "aria-label": label },
    drawn("image", { href: source, width, height }));
  const againImage = (img, label, part) => {
    const [width, height] = [img.naturalWidth, img.naturalHeight];
    return again(img.src, width, height, part ?? [0, 0, width, height], label);
  };
  /** The filter's weights where they are shown, and the picture that excites it where there is one. */
  const filterOf = (row, channel) => {
    const found = [], first = report().first_filters, weights = document.querySelector("#first_filters figure:last-of-type image");
    if (first?.path === row.path && weights && channel < first.filters_shown) {
      const [width, height] = ["width", "height"].map((name) => Number(weights.getAttribute(name)));
      const lines = Math.ceil(first.filters_shown / first.columns);
      const [across, down] = [(width + 1) / first.columns, (height + 1) / lines];
      const part = [channel % first.columns * across, Math.floor(channel / first.columns) * down, across - 1, down - 1];
      found.push([again(weights.getAttribute("href"), width, height, part, `The weights of filter ${channel}`), "The filter’s weights"]);
    }
    const excited = document.querySelector(`[data-filter="${row.index}-${channel}"] img`);
    if (excited?.complete) found.push([againImage(excited, `The picture that excites channel ${channel} most`), "What excites it most"]);
    return found.map(([svg, words]) => element("figure", {}, svg, element("figcaption", {}, words)));
  };
  const bar = (grid, channel) => {
    const [low, high] = rangeOf(grid.row, channel, grid.chosen?.scale ?? grid.scale);
    const ends = [low, high].map((value) => element("span", {}, Number.isFinite(value) ? figure(value) : String(value)));
    const svg = drawn("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      drawn("rect", { width: 100, height: 8, fill: `url(#scale-maps-${grid.row.index})` }));
    return element("div", { className: "scale" }, ends[0], svg, ends[1]);
  };
  /** Gives an enlarged map its image, bar, values and buttons, and returns what moves the chosen place. */
  const enlarge = (tile, grid, channel) => {
    const picture = document.getElementById("input-picture");
    const image = picture && imageWithPlace(picture);
    const map = tile.querySelector("svg");
    const [x, y, across, down] = map.getAttribute("viewBox").split(" ").map(Number);
    const mark = drawn("rect", { class: "cell", width: 1, height: 1 });
    const told = element("output");
    const buttons = [["‹ Previous", -1], ["Next ›", 1]].map(([words, by]) => {
      const button = element("button", { type: "button" }, words);
      button.addEventListener("click", () => step(tile, by));
      return button;
    });
    const close = element("button", { type: "button" }, "Close");
    close.addEventListener("click", () => tile.hidePopover());
    const words = "Red: the chosen place. Dashed: its receptive field." + (channel.peak ? " Yellow: the peak." : "");
    const extra = element("div", { className: "tools extra" },
      ...(image ? [element("figure", {}, image.svg, element("figcaption", {}, words))] : []),
      ...filterOf(grid.row, channel.channel));
    const foot = element("div", { className: "tools foot" }, bar(grid, channel), told, element("span", {}, ...buttons, close));
    tile.append(foot, extra);
    const at = [0, 0];
    const go = async (row, column, marked = true) => {
      [at[0], at[1]] = [clamped(row, down - 1), clamped(column, across - 1)];
      image?.show(grid.row, ...at);
      if (marked) {
        mark.setAttribute("x", x + at[1]);
        mark.setAttribute("y", y + at[0]);
        map.append(mark);
      }
      const many = grid.row.reduction, words = `Row ${at[0] * many}, column ${at[1] * many}`;
      told.textContent = words;
      try {
        grid.places ??= await placesOf(grid);
      } catch { return; /* a page on the disk may not read the files beside it */ }
      const index = grid.row.channels.indexOf(channel), columns = grid.row.columns;
      const place = grid.places[(Math.floor(index / columns) * grid.down + at[0]) * grid.width + index % columns * grid.across + at[1]];
      const [low, high] = rangeOf(grid.row, channel, grid.scale);
      if (told.textContent === words && Number.isFinite(low + high)) told.textContent = `${words}: about ${figure(low + place / 255 * (high - low))}`;
    };
    const follow = (event) => go(...placeUnder(event, map.getBoundingClientRect(), across, down));
    map.addEventListener("pointermove", follow);
    map.addEventListener("pointerdown", follow);
    const [row, column] = channel.peak ?? [0, 0];
    if (channel.peak) image?.ring(grid.row, channel.peak);
    go(Math.floor(row / grid.row.reduction), Math.floor(column / grid.row.reduction), false);
    return { move: (rows, columns) => go(at[0] + rows, at[1] + columns), undo: () => { extra.remove(); foot.remove(); mark.remove(); } };
  };
  const equipEnlarged = () => {
    if (!all(".canvas .tiles").length || !document.getElementById("report-data")) return;
    let open = null;
    document.addEventListener("toggle", (event) => {
      const tile = event.target;
      if (!tile.classList?.contains("tile")) return;
      if (open) { open.undo(); open = null; }
      const shown = document.querySelector(".tile:popover-open");
      const grid = shown && grids().find((each) => each.figure.contains(shown));
      const channel = grid?.row.channels.find((each) => shown.id === `maps-${grid.row.index}-${each.channel}`);
      if (channel) open = enlarge(shown, grid, channel);
    }, true);
    document.addEventListener("keydown", (event) => {
      const tile = document.querySelector(".tile:popover-open");
      const [rows, columns] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key] ?? [];
      if (!tile || rows === undefined || (rows && !event.shiftKey)) return;
      event.preventDefault();
      if (event.shiftKey) open?.move(rows, columns); else step(tile, columns);
    });
  };

  /** Of a picture old and new: the new one laid over the old, as far as a slider says. */
  const equipVersus = (versus) => {
    const [before, after] = [".old img", ".new img"].map((each) => versus.querySelector(each));
    if (!before || !after) return;
    const over = element("img", { src: after.src, alt: "", className: "over" });
    const slider = element("input", { type: "range", value: 0, ariaLabel: "How much of new is laid over old: " + before.alt });
    const [caption, other] = [before, after].map((each) => each.closest("figure").querySelector("figcaption"));
    const made = caption.textContent;
    const show = () => {
      over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
      const part = `Left: ${other.textContent}. Right: ${made}`;
      caption.textContent = slider.value === "0" ? made : slider.value === "100" ? other.textContent : part;
    };
    slider.addEventListener("input", show);
    before.after(over);
    before.closest("figure").append(element("label", { className: "tools" }, "Old to new", slider));
    show();
  };

  /** Maps that are compared are enlarged, too: old, new and difference of a channel beside each other. */
  const equipTrio = (versus) => {
    const tiles = versus.dataset.tiles.split(";").slice(1).map((each) => each.split("|"));
    const [columns, rows] = ["columns", "rows"].map((name) => Number(versus.dataset[name]));
    const panel = element("div", { className: "tile trio", popover: "auto" });
    let at = 0;
    const show = () => {
      const [channel, low, high] = tiles[at];
      const figures = all("figure", versus).map((figure) => {
        const img = figure.querySelector("img");
        const [across, down] = [(img.naturalWidth + 1) / columns, (img.naturalHeight + 1) / rows];
        const part = [at % columns * across, Math.floor(at / columns) * down, across - 1, down - 1];
        const words = { old: "Old", new: "New", difference: "New minus old" }[figure.className];
        return element("figure", {}, againImage(img, `${words}: channel ${channel}, enlarged`, part), element("figcaption", {}, words));
      });
      const buttons = [["‹ Previous", -1], ["Next ›", 1]].map(([words, by]) => {
        const button = element("button", { type: "button" }, words);
        button.addEventListener("click", () => turn(by));
        return button;
      });
      const close = element("button", { type: "button" }, "Close");
      close.addEventListener("click", () => panel.hidePopover());
      panel.replaceChildren(element("div", { className: "three" }, ...figures),
        element("p", {}, element("b", {}, `Channel ${channel}`), ` Old and new from ${low} to ${high}`),
        element("div", { className: "tools foot" }, element("span", {}, ...buttons, close)));
    };
    const turn = (by) => {
      at = clamped(at + by, tiles.length - 1);
      show();
      panel.querySelector("button").focus();
    };
    const lines = Array.from({ length: rows }, (_, row) => element("div", {},
      ...Array.from({ length: columns }, (_, column) => {
        const place = row * columns + column;
        if (place >= tiles.length) return element("i");
        const button = element("button", { type: "button", ariaLabel: `Channel ${tiles[place][0]}: enlarge old and new` });
        button.addEventListener("click", () => { at = place; show(); panel.showPopover(); panel.querySelector("button").focus(); });
        return button;
      })));
    const box = element("div", { className: "tiles", role: "group", ariaLabel: "To enlarge a map" }, ...lines);
    versus.querySelector(".old .stack").append(box);
    versus.after(panel);
    panel.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) { event.preventDefault(); turn(by); }
    });
  };

  readState();
  all(".scrolling").filter((box) => box.querySelector("thead")).forEach(equipTable);
  equipMaps();
  equipPlaces();
  all(".versus").forEach(equipVersus);
  all(".versus[data-tiles]").forEach(equipTrio);
  equipEnlarged();
  if (location.hash.includes("?")) document.getElementById(place())?.scrollIntoView();
})();
