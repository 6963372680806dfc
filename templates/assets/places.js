/* A place in a map is shown in the picture. */
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
