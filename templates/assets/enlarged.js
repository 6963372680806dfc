/* An enlarged map has the image beside it, and below it its values and the filter itself. Other pictures are enlarged in turn. */
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
  if (excited?.complete) found.push([againImage(excited, `A picture that excites channel ${channel}`), "A picture that excites it"]);
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
/** A panel that shows one of `count` things, with buttons and keys to the previous and the next; `contents` makes what it shows. */
const inTurn = (count, contents) => {
  const panel = element("div", { className: "tile turning", popover: "auto" });
  let at = 0;
  const show = () => {
    const buttons = [["‹ Previous", -1], ["Next ›", 1]].map(([words, by]) => {
      const button = element("button", { type: "button" }, words);
      button.addEventListener("click", () => turn(by));
      return button;
    });
    const close = element("button", { type: "button" }, "Close");
    close.addEventListener("click", () => panel.hidePopover());
    panel.replaceChildren(...contents(at), element("div", { className: "tools foot" }, element("span", {}, ...buttons, close)));
  };
  const turn = (by) => {
    at = clamped(at + by, count - 1);
    show();
    panel.querySelector("button").focus();
  };
  panel.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) { event.preventDefault(); turn(by); }
  });
  return { panel, open: (place) => { at = place; show(); panel.showPopover(); panel.querySelector("button").focus(); } };
};
/** What excites a filter is enlarged, with the filter's map on the image beside it. */
const equipExcited = (section) => {
  const figures = all(".excited figure", section);
  const { panel, open } = inTurn(figures.length, (at) => {
    const images = all("img", figures[at]).map((img) => element("figure", {}, againImage(img, img.alt)));
    const layer = figures[at].closest(".excited").previousElementSibling.textContent;
    const words = figures[at].querySelector("figcaption").cloneNode(true);
    return [element("div", { className: "abreast" }, ...images), element("p", {}, layer), words];
  });
  figures.forEach((figure, place) => {
    const button = element("button", { type: "button", className: "enlarge", ariaLabel: `Enlarge: ${figure.querySelector("img").alt}` });
    if (place) button.tabIndex = -1; // Tab reaches the first, from which "Next" leads to the others
    button.addEventListener("click", () => open(place));
    figure.querySelector(".both").append(button);
  });
  section.append(panel);
};
