/* LeNet-5, live: a drawn digit, prepared as nndl.preprocess_digit does, through all seven layers. */
nndlLive.define("lenet", (root, live) => {
  const { el, text } = live;
  const data = live.data.lenet, flat = live.halves(data.weights), weights = {};
  let from = 0;
  for (const [name, shape] of data.layout) {
    const size = shape.reduce((a, b) => a * b, 1);
    weights[name] = live.array(shape, flat.subarray(from, from + size));
    from += size;
  }
  const digits = live.bytes(data.digits); // the first test digit of each class, 28×28

  // ------------------------------------------------ preparing, as nndl.preprocess_digit does
  const even = (x) => { const r = Math.round(x); return Math.abs(x % 1) === 0.5 && r % 2 ? r - 1 : r; };
  const size = (image) => [image.length / image.columns, image.columns];
  const image = (columns, values) => Object.assign(values, { columns });

  /** Pillow's resampling along one axis: weights of 22 binary places, rounded to bytes. */
  function resample(picture, length, along, support, filter) {
    const [rows, columns] = size(picture), source = along ? columns : rows;
    const scale = source / length, wide = Math.max(scale, 1), [outRows, outColumns] = along ? [rows, length] : [length, columns];
    const out = image(outColumns, new Uint8Array(outRows * outColumns));
    for (let x = 0; x < length; x++) {
      const centre = (x + 0.5) * scale;
      const low = Math.max(0, Math.trunc(centre - support * wide + 0.5)), high = Math.min(source, Math.trunc(centre + support * wide + 0.5));
      let w = Array.from({ length: high - low }, (_, k) => filter((k + low - centre + 0.5) / wide));
      const total = w.reduce((a, b) => a + b, 0);
      w = w.map((a) => Math.trunc((a / total) * 2 ** 22 + 0.5));
      for (let other = 0; other < (along ? rows : columns); other++) {
        let sum = 2 ** 21;
        w.forEach((a, k) => { sum += a * picture[along ? other * columns + low + k : (low + k) * columns + other]; });
        out[along ? other * length + x : x * columns + other] = Math.max(0, Math.min(255, Math.floor(sum / 2 ** 22)));
      }
    }
    return out;
  }
  const box = (x) => (x > -0.5 && x <= 0.5 ? 1 : 0), triangle = (x) => Math.max(0, 1 - Math.abs(x));
  const resize = (picture, rows, columns, support, filter) =>
    resample(resample(picture, columns, 1, support, filter), rows, 0, support, filter);

  /** Pillow's Gaussian blur of 0.8: three passes of [r, 1, r] along each axis, in 24 binary places. */
  function smooth(picture) {
    const [rows, columns] = size(picture), r = 0.64 / (6 * (1 - 0.64 / 3));
    const middle = Math.trunc(2 ** 24 / (2 * r + 1)), side = Math.trunc((2 ** 24 - middle) / 2);
    let now = picture;
    for (const [length, step, lines, across] of [[columns, 1, rows, columns], [rows, columns, columns, 1]])
      for (let pass = 0; pass < 3; pass++) {
        const next = image(columns, new Uint8Array(now.length));
        for (let line = 0; line < lines; line++)
          for (let k = 0, at = line * across; k < length; k++, at += step) {
            const around = now[k ? at - step : at] + now[k + 1 < length ? at + step : at];
            next[at] = Math.floor((now[at] * middle + around * side + 2 ** 23) / 2 ** 24);
          }
        now = next;
      }
    return now;
  }

  /** How dark the pen is at each pixel. The pad's paper is blank: no shadow or grain to take off. */
  function inkOf(grey) {
    const depth = smooth(grey).map((p) => 255 - p), inked = Float64Array.from(depth).filter((d) => d > 8).sort();
    if (!inked.length) return null;
    const at = 0.75 * (inked.length - 1), k = Math.floor(at);
    const full = inked[k] + (at - k) * ((inked[k + 1] ?? inked[k]) - inked[k]);
    if (full < 16) return null;
    return image(grey.columns, depth.map((d) => (d > 8 ? even(255 * Math.min((d - 4) / (full - 4), 1)) : 0)));
  }

  /** Onto 28×28 black pixels: the centre of mass in the middle, all ink inside. */
  function centre(small) {
    const [rows, columns] = size(small), out = image(28, new Uint8Array(784));
    let total = 0, y = 0, x = 0;
    small.forEach((w, k) => { total += w; y += w * (Math.floor(k / columns) + 0.5); x += w * ((k % columns) + 0.5); });
    const corner = (c, length) => Math.max(0, Math.min(28 - length, even(14 - c / Math.max(total, 1))));
    const top = corner(y, rows), left = corner(x, columns);
    small.forEach((w, k) => { out[(top + Math.floor(k / columns)) * 28 + left + (k % columns)] = w; });
    return out;
  }

  /** The steps for a dark drawing on white, or null where nothing is drawn. */
  function prepare(grey) {
    const [rows, columns] = size(grey), clean = inkOf(grey);
    if (!clean) return null;
    let top = rows, left = columns, bottom = -1, right = -1;
    clean.forEach((p, k) => {
      if (p <= 96) return;
      const i = Math.floor(k / columns), j = k % columns;
      top = Math.min(top, i); bottom = Math.max(bottom, i); left = Math.min(left, j); right = Math.max(right, j);
    });
    const wide = right - left + 1, tall = bottom - top + 1;
    const cropped = image(wide, Uint8Array.from({ length: wide * tall }, (_, k) => clean[(top + Math.floor(k / wide)) * columns + left + (k % wide)]));
    const scale = 20 / Math.max(wide, tall), fit = (length) => Math.max(1, even(length * scale));
    const small = resize(cropped, fit(tall), fit(wide), 0.5, box), centred = centre(small);
    return { cropped, small, centred, resized: resize(centred, 32, 32, 1, triangle) };
  }

  // ---------------------------------------------------------------------- the network
  const NAMES = ["conv1", "pool2", "conv3", "pool4", "conv5", "linear6", "linear7"];
  function forward(input) {
    const w = (name) => weights[`${name}.weight`], b = (name) => weights[`${name}.bias`].values, out = { input };
    out.conv1 = live.relu(live.conv2d(input, w("conv1"), b("conv1")));
    out.pool2 = live.pool2x2(out.conv1, "max");
    out.conv3 = live.relu(live.conv2d(out.pool2, w("conv3"), b("conv3")));
    out.pool4 = live.pool2x2(out.conv3, "avg");
    out.conv5 = live.relu(live.conv2d(out.pool4, w("conv5"), b("conv5")));
    out.linear6 = live.relu(live.linear(out.conv5, w("linear6"), b("linear6")));
    out.linear7 = live.linear(out.linear6, w("linear7"), b("linear7"));
    const top = Math.max(...out.linear7.values), e = Array.from(out.linear7.values, (z) => Math.exp(z - top));
    const sum = e.reduce((a, c) => a + c, 0);
    out.probabilities = e.map((x) => x / sum);
    return out;
  }
  const normalised = (bytes) => live.array([1, 32, 32], Float64Array.from(bytes, (p) => (p - 127.5) / 127.5));
  const shifted = (bytes, dy, dx) => {
    const out = image(32, new Uint8Array(1024));
    for (let i = 0; i < 32; i++)
      for (let j = 0; j < 32; j++) {
        const m = i - dy, n = j - dx;
        if (m >= 0 && n >= 0 && m < 32 && n < 32) out[i * 32 + j] = bytes[m * 32 + n];
      }
    return out;
  };

  // ------------------------------------------------------------------------ the page
  const PAD = 256, pad = el("canvas", { width: PAD, height: PAD, class: "nl-pad-canvas", tabindex: 0, role: "application",
    "aria-label": "drawing pad: draw a digit with mouse or finger; arrow keys shift it" });
  const pen = pad.getContext("2d", { willReadFrequently: true });
  const state = { prepared: null, shift: [0, 0], out: null, still: null, chosen: null };
  const steps = el("div", { class: "nl-row" }), maps = el("div", { class: "nl-maps" }), detail = el("div", { class: "nl-detail", tabindex: 0, role: "region", "aria-label": "window, kernel and products of the chosen value" });
  const bars = el("div", { class: "nl-bars", role: "group", "aria-label": "ten probabilities" });
  const told = el("p", { class: "nl-sum", "aria-live": "polite" }), moved = el("p", { class: "nl-note" });
  const samples = Array.from({ length: 10 }, (_, digit) => {
    const picture = live.picture(28, 28, { label: `test digit ${digit}`, width: 30 });
    picture.paint(digits.subarray(digit * 784, digit * 784 + 784), { grey: true, high: 255 });
    return el("button", { type: "button", class: "nl-sample", "aria-label": `test digit ${digit}`, onclick: () => take(digit) }, picture);
  });
  const move = (label, name, dy, dx) => live.button(label, () => shift(dy, dx), { "aria-label": `shift ${name}` });
  root.append(
    el("div", { class: "nl-row" },
      el("figure", {}, el("figcaption", {}, "在这里写一个数字 draw"), pad,
        el("div", { class: "nl-row nl-tight" }, live.button("清空 clear", clear), move("←", "left", 0, -1), move("↑", "up", -1, 0), move("↓", "down", 1, 0), move("→", "right", 0, 1))),
      el("div", {}, el("figure", {}, el("figcaption", {}, "或取一张测试图片 test digits"), el("div", { class: "nl-row nl-tight nl-samples" }, ...samples)), steps, bars)),
    told, moved, maps, detail,
    el("p", { class: "nl-note" }, "方向键移动数字。指向（或聚焦后用方向键选）任何一个值，看是哪个窗口、哪个核、哪些乘积得到它。"),
  );

  const pictures = {}; // layer -> the pictures of its maps
  const LAYOUT = { input: [1, 32, 32, 96], conv1: [6, 28, 28, 62], pool2: [6, 14, 14, 62], conv3: [16, 10, 10, 38], pool4: [16, 5, 5, 38], conv5: [1, 8, 15, 150], linear6: [1, 7, 12, 120], linear7: [1, 1, 10, 160] };
  const SAYS = { input: "输入 32×32", conv1: "conv1 + ReLU　6×28×28", pool2: "pool2（最大）　6×14×14", conv3: "conv3 + ReLU　16×10×10", pool4: "pool4（平均）　16×5×5", conv5: "conv5 + ReLU　120", linear6: "linear6 + ReLU　84", linear7: "linear7　10 logits" };
  for (const [name, [count, rows, columns, width]] of Object.entries(LAYOUT)) {
    pictures[name] = Array.from({ length: count }, (_, d) => live.picture(rows, columns, {
      label: `${name}${count > 1 ? `, map ${d}` : ""}`, width, onpick: name === "input" ? null : (i, j) => choose(name, d, i, j),
    }));
    maps.append(el("figure", {}, el("figcaption", {}, SAYS[name]), el("div", { class: "nl-row nl-tight" }, ...pictures[name])));
  }

  function clear() {
    pen.fillStyle = "white";
    pen.fillRect(0, 0, PAD, PAD);
    Object.assign(state, { prepared: null, shift: [0, 0], out: null, still: null });
    told.textContent = "空白：写一个数字，或取一张测试图片。";
    moved.textContent = "";
    for (const node of [steps, bars, detail]) node.replaceChildren();
    maps.hidden = detail.hidden = true;
  }

  function take(digit) {
    clear();
    const picture = image(28, digits.slice(digit * 784, digit * 784 + 784));
    const big = resize(picture, PAD, PAD, 1, triangle), paper = pen.createImageData(PAD, PAD);
    big.forEach((p, k) => paper.data.set([255 - p, 255 - p, 255 - p, 255], 4 * k));
    pen.putImageData(paper, 0, 0);
    state.prepared = { centred: picture, resized: resize(picture, 32, 32, 1, triangle) }; // as in training
    run();
  }

  function read() {
    const { data: rgba } = pen.getImageData(0, 0, PAD, PAD), grey = image(PAD, new Uint8Array(PAD * PAD));
    for (let k = 0; k < grey.length; k++) grey[k] = rgba[4 * k];
    Object.assign(state, { prepared: prepare(grey), shift: [0, 0] });
    if (state.prepared) run();
  }

  let last = null, waiting = false;
  const at = (event) => {
    const area = pad.getBoundingClientRect();
    return [((event.clientX - area.left) / area.width) * PAD, ((event.clientY - area.top) / area.height) * PAD];
  };
  function stroke(event) {
    const to = at(event);
    Object.assign(pen, { lineWidth: 20, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...to);
    pen.stroke();
    last = to;
    if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; read(); }); }
  }
  pad.addEventListener("pointerdown", (event) => { event.preventDefault(); pad.focus({ preventScroll: true }); pad.setPointerCapture(event.pointerId); last = at(event); stroke(event); });
  pad.addEventListener("pointermove", (event) => last && stroke(event));
  for (const kind of ["pointerup", "pointercancel"]) pad.addEventListener(kind, () => { last = null; });
  detail.hidden = true;
  pad.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) { event.preventDefault(); shift(...step); }
  });

  function shift(dy, dx) {
    if (!state.prepared) return;
    state.shift = [state.shift[0] + dy, state.shift[1] + dx].map((x) => Math.max(-12, Math.min(12, x)));
    run();
  }

  /** Is a layer's output the output for the unmoved digit, moved? Largest difference, or null. */
  function equivariance(name, stride) {
    const [dy, dx] = state.shift.map((x) => x / stride);
    if (dy % 1 || dx % 1) return null;
    const [D, M, N] = state.out[name].shape;
    let worst = 0;
    for (let d = 0; d < D; d++)
      for (let i = 0; i < M; i++)
        for (let j = 0; j < N; j++)
          if (i - dy >= 0 && j - dx >= 0 && i - dy < M && j - dx < N)
            worst = Math.max(worst, Math.abs(state.out[name].values[(d * M + i) * N + j] - state.still[name].values[(d * M + i - dy) * N + j - dx]));
    return worst;
  }

  function run() {
    const { prepared, shift: [dy, dx] } = state;
    state.still = forward(normalised(prepared.resized));
    state.out = dy || dx ? forward(normalised(shifted(prepared.resized, dy, dx))) : state.still;
    maps.hidden = detail.hidden = false;
    paint();
    const best = state.out.probabilities.indexOf(Math.max(...state.out.probabilities));
    told.textContent = `预测 prediction: ${best}（${(100 * state.out.probabilities[best]).toFixed(1)} %）`;
    moved.textContent = dy || dx
      ? `移动 shift (${text(dy)}, ${text(dx)})：` + [["conv1", 1], ["pool2", 2], ["conv3", 2], ["pool4", 4]].map(([name, stride]) => {
        const worst = equivariance(name, stride);
        return worst === null ? `${name} would move by ${text(dy / stride)}, ${text(dx / stride)}: no whole cells`
          : `${name} moved by ${text(dy / stride)}, ${text(dx / stride)}: ${worst < 1e-9 ? "exactly" : `differs by up to ${text(worst, 3)}`}`;
      }).join(" · ") + ` · linear7 differs by up to ${text(Math.max(...state.out.linear7.values.map((z, k) => Math.abs(z - state.still.linear7.values[k]))), 2)}`
      : "";
    if (state.chosen) choose(...state.chosen); else choose("conv1", 0, 14, 14);
  }

  function paint() {
    if (!state.out) return;
    const { prepared, out } = state, thumb = (name, picture) => {
      if (!picture) return null;
      const [rows, columns] = size(picture), shown = live.picture(rows, columns, { label: name, width: Math.round((64 * columns) / Math.max(rows, columns)) });
      shown.paint(picture, { grey: true, high: 255 });
      return el("figure", {}, el("figcaption", {}, name), shown);
    };
    steps.replaceChildren(...[thumb("裁到笔迹 crop", prepared.cropped), thumb("放进 20×20", prepared.small), thumb("质心居中 28×28", prepared.centred), thumb("32×32", prepared.resized)].filter(Boolean));
    for (const [name, [count, rows, columns]] of Object.entries(LAYOUT)) {
      const values = out[name].values, most = Math.max(...values.map(Math.abs), 1e-9);
      pictures[name].forEach((picture, d) => picture.paint(values.subarray(d * rows * columns, (d + 1) * rows * columns),
        name === "input" ? { grey: true, low: -1, high: 1 } : name === "linear7" ? { high: most } : { grey: true, high: most }));
    }
    const best = Math.max(...out.probabilities);
    bars.replaceChildren(...out.probabilities.map((p, digit) => el("div", { class: `nl-bar${p === best ? " nl-best" : ""}` },
      el("span", {}, String(digit)), el("span", { class: "nl-track" }, el("span", { style: `width:${(100 * p).toFixed(1)}%` })), el("span", {}, `${(100 * p).toFixed(1)} %`))));
  }

  /** Show the window, the kernel and the products behind one value. */
  function choose(name, d, i, j) {
    if (!state.out) return;
    state.chosen = [name, d, i, j];
    const before = { conv1: "input", pool2: "conv1", conv3: "pool2", pool4: "conv3", conv5: "pool4", linear6: "conv5", linear7: "linear6" }[name];
    for (const [layer, all] of Object.entries(pictures)) all.forEach((picture, k) => layer === name && k === d ? picture.frame(i, j) : picture.frame(null));
    const source = state.out[before], [D, M, N] = [...source.shape, 1, 1].slice(0, 3), unit = pictures[name].length > 1 ? d : i * LAYOUT[name][2] + j;
    const value = state.out[name].values[pictures[name].length > 1 ? (d * LAYOUT[name][1] + i) * LAYOUT[name][2] + j : unit];
    const strip = (title, rows, columns, groups, width) => {
      const most = Math.max(...groups.flat().map(Math.abs), 1e-9);
      return el("figure", {}, el("figcaption", {}, `${title}　±${text(most, 3)}`), el("div", { class: "nl-row nl-tight" }, ...groups.map((values, k) => {
        const picture = live.picture(rows, columns, { label: `${title} ${k}`, width });
        picture.paint(values, { high: most });
        return picture;
      })));
    };
    const title = el("h4", {}, ""), parts = [];
    if (name.startsWith("pool")) {
      const four = [0, 1].map((u) => [0, 1].map((v) => source.values[(d * M + 2 * i + u) * N + 2 * j + v]));
      pictures[before][d].frame(2 * i, 2 * j, 2, 2);
      const shown = four.flat().map((x) => text(x, 3));
      title.textContent = `${name}[${d}, ${i}, ${j}] = ${name === "pool2" ? `max(${shown.join(", ")})` : `(${shown.join(" + ")}) / 4`} = ${text(value, 3)}`;
    } else {
      const W = weights[`${name}.weight`], bias = weights[`${name}.bias`].values[unit];
      let windows, kernels, rows, columns;
      if (name.startsWith("conv")) {
        [rows, columns] = [5, 5];
        const top = name === "conv5" ? 0 : i, left = name === "conv5" ? 0 : j;
        windows = Array.from({ length: D }, (_, c) => Array.from({ length: 25 }, (_, k) => source.values[(c * M + top + Math.floor(k / 5)) * N + left + (k % 5)]));
        kernels = windows.map((_, c) => [...W.values.subarray((unit * D + c) * 25, (unit * D + c + 1) * 25)]);
        pictures[before].forEach((picture) => picture.frame(top, left, 5, 5));
      } else {
        [, rows, columns] = LAYOUT[before];
        windows = [[...source.values]];
        kernels = [Array.from(source.values, (_, k) => W.values[k * W.shape[1] + unit])];
        pictures[before][0].frame(0, 0, rows, columns);
      }
      const products = windows.map((values, c) => values.map((x, k) => x * kernels[c][k]));
      const sums = products.map((values) => values.reduce((a, b) => a + b, 0)), sum = sums.reduce((a, b) => a + b, 0);
      const width = name.startsWith("linear") ? 150 : D > 6 ? 34 : 52, label = name.startsWith("linear") ? `${name}[${unit}]` : name === "conv5" ? `conv5[${unit}]` : `${name}[${d}, ${i}, ${j}]`;
      title.textContent = `${label} = ${name === "linear7" ? "" : "ReLU("}Σ ${text(sum, 3)} + b ${text(bias, 3)}${name === "linear7" ? "" : ")"} = ${text(value, 3)}`;
      parts.push(el("div", { class: "nl-row nl-strips" }, strip("窗口 window", rows, columns, windows, width), strip("核 kernel", rows, columns, kernels, width), strip("乘积 products", rows, columns, products, width)));
      if (sums.length > 1) parts.push(el("p", { class: "nl-note" }, `各通道的和 sums: ${sums.map((s) => text(s, 2)).join(" + ").replaceAll("+ −", "− ")}`));
    }
    detail.replaceChildren(title, ...parts);
  }

  take(7);
  live.onTheme(() => { paint(); if (state.chosen) choose(...state.chosen); });
  return {
    logits: (digit) => { take(digit); return [...state.out.linear7.values]; },
    layers: () => Object.fromEntries(NAMES.map((name) => [name, [...state.out[name].values]])),
    prepare: (values, columns) => {
      const made = prepare(image(columns, Uint8Array.from(values)));
      return made && Object.fromEntries(Object.entries(made).map(([key, value]) => [key, { values: [...value], columns: value.columns }]));
    },
  };
});
