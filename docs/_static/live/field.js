/* Receptive-field explorer: a stack of layers seen from the side, and the cone below one unit. */
nndlLive.define("field", (root, live) => {
  const { el } = live;
  const L = (kind, kernel, stride = 1, dilation = 1) => ({ kind, kernel, stride, dilation });
  const STACKS = {
    "3×3 twice": [L("conv", 3), L("conv", 3)],
    "3×3 three times": [L("conv", 3), L("conv", 3), L("conv", 3)],
    "5×5 once": [L("conv", 5)],
    "LeNet-5": [L("conv", 5), L("pool", 2, 2), L("conv", 5), L("pool", 2, 2)],
    "dilation 1, 2, 4": [L("conv", 3, 1, 1), L("conv", 3, 1, 2), L("conv", 3, 1, 4)],
    "dilation 2, 2, 2": [L("conv", 3, 1, 2), L("conv", 3, 1, 2), L("conv", 3, 1, 2)],
    "ResNet18, first layers": [L("conv", 7, 2), L("pool", 3, 2), L("conv", 3)],
  };
  const INPUT = 32, CELL = 18, GAP = 46, LEFT = 92;
  let layers = STACKS["3×3 twice"].map((x) => ({ ...x })), chosen = null;

  const list = el("div", { class: "nl-layers" });
  const drawing = el("div", { class: "nl-scroll", tabindex: 0, role: "region", "aria-label": "side view of the layers" });
  const told = el("p", { class: "nl-sum", "aria-live": "polite" });
  const table = el("div", { class: "nl-scroll", tabindex: 0, role: "region", "aria-label": "receptive field after each layer" });
  const stack = live.select("网络 stack", [...Object.keys(STACKS), "your own"].map((k) => [k, k]), "3×3 twice", (name) => {
    if (STACKS[name]) { layers = STACKS[name].map((x) => ({ ...x })); chosen = null; build(); }
  });
  const own = (change) => { change(); stack.field.value = "your own"; chosen = null; build(); };
  root.append(
    el("div", { class: "nl-row nl-controls" }, stack,
      live.button("＋ conv 3×3", () => own(() => layers.length < 6 && layers.push(L("conv", 3)))),
      live.button("＋ pool 2×2", () => own(() => layers.length < 6 && layers.push(L("pool", 2, 2)))),
      live.button("－ 去掉最后一层 remove", () => own(() => layers.length > 1 && layers.pop()))),
    list, drawing, told, table,
    el("p", { class: "nl-note" }, "指向或点选任何一个单元，下面各层中它看得见的单元会亮起来；颜色越深，通往它的路径越多。"),
  );

  /** Units of the layer below that unit i looks at; layers keep their size up to the stride. */
  const below = (layer, i) => Array.from({ length: layer.kernel }, (_, u) =>
    i * layer.stride - Math.floor((layer.dilation * (layer.kernel - 1)) / 2) + u * layer.dilation);
  const sizes = () => layers.reduce((all, x) => [...all, Math.ceil(all.at(-1) / x.stride)], [INPUT]);

  /** r ← r + E(U − 1)·j and j ← j·S, from the input upwards. */
  function fields() {
    let r = 1, jump = 1;
    return layers.map((x) => { r += x.dilation * (x.kernel - 1) * jump; jump *= x.stride; return { r, jump }; });
  }

  function build() {
    list.replaceChildren(...layers.map((layer, k) => {
      const change = (name) => (x) => own(() => { layer[name] = x; });
      const field = (label, name, high) => live.select(label, Array.from({ length: high }, (_, n) => [n + 1, n + 1]), layer[name], (x) => change(name)(+x));
      return el("div", { class: "nl-row nl-layer" }, el("b", {}, `${k + 1}. ${layer.kind}`),
        field("核 U", "kernel", 7), field("步长 S", "stride", 3), field("空洞 E", "dilation", 4));
    }));
    const widths = sizes(), rf = fields();
    chosen = chosen || { level: layers.length, unit: widths.at(-1) >> 1 };
    table.replaceChildren(el("table", { class: "nl-table" },
      el("thead", {}, el("tr", {}, ...["layer", "U", "S", "E", "r = r + E(U−1)·j", "j = j·S", "units"].map((t) => el("th", { scope: "col" }, t)))),
      el("tbody", {}, ...layers.map((x, k) => el("tr", {}, ...[`${k + 1}. ${x.kind}`, x.kernel, x.stride, x.dilation, rf[k].r, rf[k].jump, widths[k + 1]]
        .map((t) => el("td", {}, String(t))))))));
    draw();
  }

  /** Paths from the chosen unit to every unit below: {level: Map(unit -> count)}. */
  function cone() {
    const reach = { [chosen.level]: new Map([[chosen.unit, 1]]) };
    for (let level = chosen.level; level > 0; level--) {
      reach[level - 1] = new Map();
      for (const [unit, paths] of reach[level])
        for (const other of below(layers[level - 1], unit))
          reach[level - 1].set(other, (reach[level - 1].get(other) || 0) + paths);
    }
    return reach;
  }

  function draw() {
    const widths = sizes(), reach = cone(), height = GAP * layers.length + CELL + 8;
    const svg = (tag, attributes, ...children) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      node.append(...children);
      return node;
    };
    const jumps = [1, ...fields().map((x) => x.jump)];
    const x = (level, unit) => LEFT + CELL * (unit * jumps[level] + (jumps[level] - 1) / 2);
    const y = (level) => GAP * (layers.length - level) + 4;
    const board = svg("svg", { viewBox: `0 0 ${LEFT + CELL * INPUT + 4} ${height}`, width: LEFT + CELL * INPUT + 4, role: "application",
      tabindex: 0, "aria-label": "units of each layer: arrow keys choose one" });
    for (let level = layers.length; level > 0; level--)
      for (const unit of reach[level]?.keys() || [])
        for (const other of below(layers[level - 1], unit))
          if (unit >= 0 && unit < widths[level] && other >= 0 && other < widths[level - 1])
            board.append(svg("line", { class: "nl-edge", x1: x(level, unit) + CELL / 2, y1: y(level) + CELL - 3, x2: x(level - 1, other) + CELL / 2, y2: y(level - 1) }));
    widths.forEach((width, level) => {
      const most = Math.max(...(reach[level]?.values() || [1]));
      board.append(svg("text", { x: 0, y: y(level) + 13 }, level ? `${level}. ${layers[level - 1].kind} ${layers[level - 1].kernel}` : "input"));
      for (let unit = 0; unit < width; unit++) {
        const paths = reach[level]?.get(unit) || 0;
        const cell = svg("rect", { class: paths ? "nl-unit nl-seen" : "nl-unit", x: x(level, unit) + 1, y: y(level), width: CELL - 3, height: CELL - 3, rx: 3 });
        if (paths) cell.setAttribute("fill-opacity", 0.25 + (0.75 * paths) / most);
        cell.addEventListener("pointerover", () => choose(level, unit));
        cell.addEventListener("pointerdown", () => choose(level, unit));
        board.append(cell);
      }
    });
    board.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] }[event.key];
      if (!step) return;
      event.preventDefault();
      const level = Math.min(layers.length, Math.max(0, chosen.level + step[0]));
      choose(level, Math.min(widths[level] - 1, Math.max(0, step[0] ? widths[level] >> 1 : chosen.unit + step[1])));
    });
    const focused = drawing.contains(document.activeElement) && document.activeElement !== drawing;
    drawing.replaceChildren(board);
    drawing.scrollLeft = x(chosen.level, chosen.unit) - drawing.clientWidth / 2; // a phone shows a part
    if (focused) board.focus({ preventScroll: true });
    const seen = [...reach[0].keys()], span = Math.max(...seen) - Math.min(...seen) + 1;
    const within = seen.filter((unit) => unit >= 0 && unit < INPUT).length;
    told.textContent = `layer ${chosen.level}, unit ${chosen.unit}: ${span} input cells from end to end (${span}×${span} in two dimensions), ` +
      `${seen.length} of them used${within < seen.length ? `, ${seen.length - within} outside the input` : ""}`;
  }

  function choose(level, unit) {
    if (chosen.level === level && chosen.unit === unit) return;
    chosen = { level, unit };
    draw();
  }

  build();
  return { fields: (stackOf) => { layers = stackOf.map((x) => L("conv", ...x)); chosen = null; build(); return { fields: fields(), told: told.textContent }; } };
});
