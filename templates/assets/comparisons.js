/* Old and new pictures are laid over each other, and maps that are compared are enlarged. */
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
  const { panel, open } = inTurn(tiles.length, (at) => {
    const [channel, low, high] = tiles[at];
    const figures = all("figure", versus).map((figure) => {
      const img = figure.querySelector("img");
      const [across, down] = [(img.naturalWidth + 1) / columns, (img.naturalHeight + 1) / rows];
      const part = [at % columns * across, Math.floor(at / columns) * down, across - 1, down - 1];
      const words = { old: "Old", new: "New", difference: "New minus old" }[figure.className];
      return element("figure", {}, againImage(img, `${words}: channel ${channel}, enlarged`, part), element("figcaption", {}, words));
    });
    return [element("div", { className: "abreast" }, ...figures),
      element("p", {}, element("b", {}, `Channel ${channel}`), ` Old and new from ${low} to ${high}`)];
  });
  const lines = Array.from({ length: rows }, (_, row) => element("div", {},
    ...Array.from({ length: columns }, (_, column) => {
      const place = row * columns + column;
      if (place >= tiles.length) return element("i");
      const button = element("button", { type: "button", ariaLabel: `Channel ${tiles[place][0]}: enlarge old and new` });
      button.addEventListener("click", () => open(place));
      return button;
    })));
  const box = element("div", { className: "tiles", role: "group", ariaLabel: "To enlarge a map" }, ...lines);
  versus.querySelector(".old .stack").append(box);
  versus.after(panel);
};
