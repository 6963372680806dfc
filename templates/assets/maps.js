/* Maps are coloured, scaled and ordered anew. */
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
