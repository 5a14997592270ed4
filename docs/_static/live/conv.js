/* Convolution playground: kernel, stride, padding and dilation recompute a small grid and a photo. */
nndlLive.define("conv", (root, live) => {
  const { el, text } = live;
  const KERNELS = {
    "vertical edge": [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
    "horizontal edge": [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
    "Sobel x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Laplacian, 4 neighbours": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "Laplacian, 8 neighbours": [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
    "blur (Gaussian)": [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
    sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    identity: [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "2×2": [[0, 1], [2, 3]],
    "5×5 ring": [[0, 1, 1, 1, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [0, 1, 1, 1, 0]],
  };
  const SIDE = 7, PHOTO = 128, MAX = 3;
  const input = live.array([1, SIDE, SIDE]);
  for (let i = 1; i < 6; i++) for (let j = 2; j < 5; j++) input.values[i * SIDE + j] = 9;
  const photo = live.array([1, PHOTO, PHOTO], Float64Array.from(live.bytes(live.data.photo)));
  const state = { kernel: KERNELS["vertical edge"], stride: 1, padding: 0, dilation: 1, at: [2, 1], where: "grid" };

  const choose = live.select("卷积核 kernel", [...Object.keys(KERNELS), "your own"].map((k) => [k, k]), "vertical edge", (name) => {
    if (KERNELS[name]) state.kernel = KERNELS[name].map((row) => [...row]);
    build();
  });
  const control = (label, name, low) =>
    live.slider(label, state[name], low, MAX, (x) => { state[name] = x; build(); });
  const controls = { stride: control("步长 stride", "stride", 1), padding: control("填充 padding", "padding", 0), dilation: control("空洞 dilation", "dilation", 1) };
  const kernelBox = el("div", { class: "nl-kernel" });
  const boards = el("div", { class: "nl-row nl-top" });
  const sum = el("p", { class: "nl-sum", "aria-live": "polite" });
  const size = el("p", { class: "nl-note" });
  const pictures = el("div", { class: "nl-row" });
  const panel = el("div", { class: "nl-row nl-products" });
  root.append(
    el("div", { class: "nl-row nl-controls" }, choose, ...Object.values(controls)),
    boards,
    sum, panel, size, pictures,
    el("p", { class: "nl-note" }, "指向或点选一个输出，看它的窗口、乘积与和；方向键移动。点输入格改它的值，也可键入 0–9。"),
  );

  function editKernel() {
    const rows = state.kernel.map((row, u) => el("tr", {}, ...row.map((w, v) => {
      const field = el("input", {
        type: "number", step: "any", value: w, "aria-label": `kernel ${u}, ${v}`,
        oninput: () => {
          if (!Number.isFinite(field.valueAsNumber)) return; // half-typed: wait
          state.kernel = state.kernel.map((r) => [...r]);
          state.kernel[u][v] = field.valueAsNumber;
          choose.field.value = "your own";
          compute();
        },
      });
      return el("td", {}, field);
    })));
    kernelBox.replaceChildren(el("table", {}, el("tbody", {}, ...rows)));
  }

  let gridIn, gridOut, photoIn, photoOut, Y, Z;
  const options = () => ({ stride: state.stride, padding: state.padding, dilation: state.dilation });
  const weights = () => live.array([1, 1, state.kernel.length, state.kernel[0].length], state.kernel.flat());

  function build() {
    editKernel();
    const P = state.padding, full = SIDE + 2 * P;
    const change = (i, j, value) => { input.values[i * SIDE + j] = value; compute(); };
    const inside = (i, j) => i >= 0 && j >= 0 && i < SIDE && j < SIDE;
    gridIn = live.grid(full, full, {
      label: "input", name: "input", corner: P,
      onpick: (i, j, kind) => kind === "click" && inside(i, j) && change(i, j, input.values[i * SIDE + j] ? 0 : 9),
      onkey: (i, j, key) => /^[0-9]$/.test(key) && inside(i, j) && (change(i, j, +key), true),
    });
    const W = weights(), [, , U, V] = W.shape;
    Y = live.conv2d(input, W, null, options());
    Z = live.conv2d(photo, W, null, options());
    const [, rows, columns] = Y.shape;
    gridOut = rows && live.grid(rows, columns, { label: "output", name: "output", onpick: (i, j) => pick("grid", i, j) });
    boards.replaceChildren(
      el("figure", {}, el("figcaption", {}, "卷积核 W（可改）"), kernelBox),
      el("figure", {}, el("figcaption", {}, `输入 X（${SIDE}×${SIDE}）`), gridIn),
      el("figure", {}, el("figcaption", {}, `输出 Y（${rows}×${columns}）`), gridOut || "the kernel is larger than the input"),
    );
    photoIn = live.picture(PHOTO, PHOTO, { label: "photo, 128×128 pixels", width: 200 });
    photoOut = live.picture(Z.shape[1], Z.shape[2], { label: "convolved photo", width: 200, onpick: (i, j) => pick("photo", i, j) });
    pictures.replaceChildren(
      el("figure", {}, el("figcaption", {}, "照片 photo"), photoIn),
      el("figure", {}, el("figcaption", {}, ""), photoOut),
    );
    size.textContent = `M′ = ⌊(${SIDE} + 2·${P} − ${state.dilation}·(${U} − 1) − 1) / ${state.stride}⌋ + 1 = ${rows}　·　` +
      `${PHOTO}×${PHOTO} → ${Z.shape[1]}×${Z.shape[2]}　·　${U * V} weights`;
    state.where = "grid";
    state.at = [Math.min(state.at[0], Math.max(rows - 1, 0)), Math.min(state.at[1], Math.max(columns - 1, 0))];
    compute();
  }

  function compute() {
    Y = live.conv2d(input, weights(), null, options());
    Z = live.conv2d(photo, weights(), null, options());
    paint();
    pick(state.where, ...state.at);
  }

  function paint() {
    photoIn.paint(photo.values, { grey: true, high: 255 });
    let low = Infinity, high = -Infinity;
    for (const z of Z.values) { low = Math.min(low, z); high = Math.max(high, z); }
    photoOut.paint(Z.values, low < 0 ? { high: Math.max(-low, high) } : { grey: true, low, high });
    pictures.querySelector("figure:last-child figcaption").textContent =
      `输出 ${text(low, 1)} … ${text(high, 1)}${low < 0 ? "（蓝负橙正）" : ""}`;
  }

  function pick(where, i, j) {
    const [source, result, grid] = where === "grid" ? [input, Y, true] : [photo, Z, false];
    const [, rows, columns] = result.shape, side = source.shape[1];
    if (i >= rows || j >= columns) return;
    Object.assign(state, { where, at: [i, j] });
    const { stride, padding, dilation, kernel } = state, U = kernel.length, V = kernel[0].length;
    const top = i * stride - padding, left = j * stride - padding;
    const hit = (m, n) => m >= top && n >= left && (m - top) % dilation === 0 && (n - left) % dilation === 0 &&
      (m - top) / dilation < U && (n - left) / dilation < V;
    const ground = (x, scale) => {
      const dark = live.dark(root), [r, g, b] = live.colour(x, { high: scale || 1, dark });
      const [red, green, blue] = [r, g, b].map((x) => (x / 255) ** 2.2);
      const bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18; // black is easier to read
      return `background:rgb(${r},${g},${b});color:${bright ? "#000" : "#fff"}`;
    };
    const inside = (m, n) => m >= 0 && n >= 0 && m < side && n < side;
    gridIn.fill((m, n) => ({
      text: inside(m, n) ? text(input.values[m * SIDE + n]) : "0",
      style: inside(m, n) ? ground(input.values[m * SIDE + n], 24) : "",
      mark: `${grid && hit(m, n) ? "nl-hit" : ""} ${inside(m, n) ? "" : "nl-pad"}`,
    }));
    const most = Math.max(...Y.values.map(Math.abs), 1e-9);
    if (gridOut) gridOut.fill((m, n) => ({
      text: text(Y.values[m * Y.shape[2] + n]), style: ground(Y.values[m * Y.shape[2] + n], 1.6 * most),
      mark: grid && m === i && n === j ? "nl-hit" : "",
    }));
    photoOut.frame(...(grid ? [null] : [i, j]));
    photoIn.frame(...(grid ? [null] : [top, left, dilation * (U - 1) + 1, dilation * (V - 1) + 1]));
    const window = kernel.map((row, u) => row.map((_, v) => {
      const m = top + u * dilation, n = left + v * dilation;
      return inside(m, n) ? source.values[m * side + n] : 0;
    }));
    const table = (values, label) => {
      const box = live.grid(U, V, { label });
      const scale = Math.max(...values.flat().map(Math.abs), 1e-9);
      box.fill((u, v) => ({ text: text(values[u][v]), style: ground(values[u][v], 2 * scale) }));
      return el("figure", {}, el("figcaption", {}, label), box);
    };
    const products = window.map((row, u) => row.map((x, v) => x * kernel[u][v]));
    const sign = (s) => el("span", { class: "nl-sign", "aria-hidden": true }, s);
    const total = result.values[i * columns + j];
    panel.replaceChildren(table(window, "window"), sign("⊙"), table(kernel, "kernel"), sign("="), table(products, "products"), sign("Σ"),
      el("strong", { class: "nl-total" }, text(total, 4)));
    const terms = products.flat().map((x) => text(x)).join(" + ").replaceAll("+ −", "− ");
    sum.textContent = `${grid ? "Y" : "photo"}[${i}, ${j}] = ${terms} = ${text(total, 4)}`;
  }

  build();
  live.onTheme(compute);
  return {
    /** For tests: set anything, get the two results. */
    compute: (changes = {}) => {
      if (changes.input) input.values.set(changes.input.flat());
      for (const name of ["kernel", "stride", "padding", "dilation"]) if (name in changes) state[name] = changes[name];
      for (const [name, box] of Object.entries(controls)) box.set(state[name]);
      build();
      return { grid: [...Y.values], shape: Y.shape.slice(1), photo: [...Z.values], photoShape: Z.shape.slice(1) };
    },
  };
});
