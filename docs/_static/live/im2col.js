/* im2col, linked: a window of X is a column, a kernel is a row, their product is one output cell. */
nndlLive.define("im2col", (root, live) => {
  const { el, text } = live;
  const X = live.array([2, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 1, 0, 1, 2, 1, 0]);
  const W = live.array([2, 2, 2, 2], [1, 0, 0, -1, 2, 1, 0, 1, 0, 1, 1, 0, -1, 0, 1, 1]);
  const [D, M, N] = X.shape, [P, , U, V] = W.shape, rows = M - U + 1, columns = N - V + 1;
  const HUES = [205, 145, 35, 320], PHASES = ["窗口 window", "列 column", "乘积 products", "输出 output"];
  const Y = live.conv2d(X, W);
  const place = (k) => [Math.floor(k / (U * V)), Math.floor((k % (U * V)) / V), k % V]; // row of the matrix -> d, u, v
  const corner = (c) => [Math.floor(c / columns), c % columns];
  const entry = (k, c) => {
    const [d, u, v] = place(k), [i, j] = corner(c);
    return X.values[(d * M + i + u) * N + j + v];
  };
  const state = { row: 0, column: 0, phase: 0 };
  let timer = 0;

  const grids = (count, n, m, label, name, onpick) => Array.from({ length: count }, (_, k) =>
    live.grid(n, m, { label: `${label} ${k}`, name, onpick: onpick(k) }));
  const pick = (row, column, phase) => { stop(); Object.assign(state, { row, column, phase }); show(); };
  const inputs = grids(D, M, N, "input, channel", "input", () => (i, j) =>
    pick(state.row, Math.min(i, rows - 1) * columns + Math.min(j, columns - 1), 0));
  const matrix = live.grid(D * U * V, rows * columns, { label: "matrix of columns", name: "matrix", onpick: (k, c) => pick(state.row, c, 1) });
  const kernel = live.grid(P, D * U * V, { label: "kernels as rows", name: "kernel", onpick: (p) => pick(p, state.column, 2) });
  const product = live.grid(P, rows * columns, { label: "product", name: "product", onpick: (p, c) => pick(p, c, 3) });
  const outputs = grids(P, rows, columns, "output map", "output", (p) => (i, j) => pick(p, i * columns + j, 3));
  const sum = el("p", { class: "nl-sum", "aria-live": "polite" });
  const slider = live.slider("步 step", 0, 0, P * rows * columns * 4 - 1, (k) =>
    pick(Math.floor(k / 4 / (rows * columns)), Math.floor(k / 4) % (rows * columns), k % 4));
  const now = () => (state.row * rows * columns + state.column) * 4 + state.phase;
  const go = (k) => {
    const all = P * rows * columns * 4, at = (k + all) % all;
    Object.assign(state, { row: Math.floor(at / 4 / (rows * columns)), column: Math.floor(at / 4) % (rows * columns), phase: at % 4 });
    show();
  };
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "▶ 播放 play"; };
  const play = live.button("▶ 播放 play", () => {
    if (timer) return stop();
    play.textContent = "❚❚ 暂停 pause";
    timer = setInterval(() => (root.isConnected ? go(now() + 1) : stop()), 900);
  });
  const figure = (caption, ...nodes) => el("figure", {}, el("figcaption", {}, caption), ...nodes);
  root.append(
    el("div", { class: "nl-row nl-controls" }, live.button("◀", () => { stop(); go(now() - 1); }, { "aria-label": "previous step" }), play,
      live.button("▶|", () => { stop(); go(now() + 1); }, { "aria-label": "next step" }), slider),
    el("div", { class: "nl-row nl-top" }, figure(`X　${D}×${M}×${N}`, ...inputs), figure(`im2col(X)　${D * U * V}×${rows * columns}`, matrix)),
    el("div", { class: "nl-row nl-top" }, figure(`W　${P}×${D * U * V}`, kernel), figure("W · im2col(X)", product), figure(`Y　${P}×${rows}×${columns}`, ...outputs)),
    sum, el("p", { class: "nl-note" }, "同一个颜色是同一个窗口：它在 X 里，是矩阵的一列，也是输出的一格。底纹深浅区分两个通道。"),
  );

  function show() {
    const { row, column, phase } = state, dark = live.dark(root);
    const hue = (c, strength) => `background:hsl(${HUES[c]} 70% ${dark ? 10 + 12 * strength : 97 - 22 * strength}%)`;
    const shade = (d, on) => `${hue(column, on ? 1 : 0.1 + 0.25 * d)}`;
    const [top, left] = corner(column);
    inputs.forEach((grid, d) => grid.fill((i, j) => {
      const on = i >= top && j >= left && i < top + U && j < left + V;
      return { text: text(X.values[(d * M + i) * N + j]), style: on ? hue(column, 0.7 + 0.3 * d) : "", mark: on && phase === 0 ? "nl-hit" : "" };
    }));
    matrix.fill((k, c) => ({
      text: text(entry(k, c)), style: hue(c, (c === column ? 0.7 : 0.1) + 0.3 * place(k)[0]),
      mark: c === column && (phase === 1 || phase === 2) ? "nl-hit" : "",
    }));
    kernel.fill((p, k) => ({
      text: text(W.values[p * D * U * V + k]), style: p === row ? shade(place(k)[0], false) : "", mark: p === row && phase === 2 ? "nl-hit" : "",
    }));
    const upTo = row * rows * columns + column, reached = (p, c) => p * rows * columns + c < upTo || (p === row && c === column && phase === 3);
    const cell = (p, c) => ({
      text: reached(p, c) ? text(Y.values[p * rows * columns + c]) : "", style: reached(p, c) ? hue(c, 0.7) : "",
      mark: p === row && c === column && phase === 3 ? "nl-hit" : "",
    });
    product.fill(cell);
    outputs.forEach((grid, p) => grid.fill((i, j) => cell(p, i * columns + j)));
    slider.set(now());
    const terms = Array.from({ length: D * U * V }, (_, k) => `${text(W.values[row * D * U * V + k])}·${text(entry(k, column))}`).join(" + ").replaceAll("+ −", "− ");
    sum.textContent = `${PHASES[phase]}：` + [
      `rows ${top}–${top + U - 1}, columns ${left}–${left + V - 1} of both channels`,
      `the window's ${D * U * V} values, written one below the other: column ${column}`,
      `kernel ${row} times column ${column}: ${terms}`,
      `Y[${row}, ${top}, ${left}] = ${text(Y.values[upTo])}`,
    ][phase];
  }

  show();
  live.onTheme(show);
  return { X, W, matrix: Array.from({ length: D * U * V }, (_, k) => Array.from({ length: rows * columns }, (_, c) => entry(k, c))), Y: [...Y.values], go };
});
