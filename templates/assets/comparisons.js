/* Old and new pictures are laid over each other; maps that are compared and pictures of filters are enlarged. */
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

/** A panel that shows one of `count` things, with buttons and keys to the previous and the next; `contents` makes what it shows. */
const inTurn = (count, contents) => {
  const panel = element("div", { className: "tile trio", popover: "auto" });
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
    return [element("div", { className: "three" }, ...figures),
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

/** What excites a filter is enlarged, with the filter's map on the image beside it. */
const equipExcited = (section) => {
  const figures = all(".excited figure", section);
  const { panel, open } = inTurn(figures.length, (at) => {
    const images = all("img", figures[at]).map((img) => element("figure", {}, againImage(img, img.alt)));
    const layer = figures[at].closest(".excited").previousElementSibling.textContent;
    const words = figures[at].querySelector("figcaption").cloneNode(true);
    return [element("div", { className: "three" }, ...images), element("p", {}, layer), words];
  });
  figures.forEach((figure, place) => {
    const button = element("button", { type: "button", className: "enlarge", ariaLabel: `Enlarge: ${figure.querySelector("img").alt}` });
    if (place) button.tabIndex = -1; // Tab reaches the first, from which "Next" leads to the others
    button.addEventListener("click", () => open(place));
    figure.querySelector(".both").append(button);
  });
  section.append(panel);
};
