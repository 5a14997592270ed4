/* What the live figures share: small array operators, and a few pieces of interface.
   No framework, nothing is loaded; the same files serve the site and a notebook's output. */
(() => {
  if (window.nndlLive) return; // several outputs of one notebook bring the core along
  const builders = {};
  const live = { data: {} };
  window.nndlLive = live;

  /** Build every waiting figure of that name, now and whenever the script comes again. */
  live.define = (name, build) => {
    builders[name] = build;
    for (const root of document.querySelectorAll(`.nndl-live[data-live="${name}"]`)) {
      if (root.dataset.ready) continue;
      root.dataset.ready = "true";
      root.replaceChildren();
      root.setAttribute("role", "group");
      root.setAttribute("aria-label", root.dataset.title);
      root.model = builders[name](root, live); // what a test, or a curious reader, may ask
    }
  };

  // ------------------------------------------------------------------ arrays
  /** Values [rows, columns] of one channel or [channels, rows, columns], flat. */
  live.array = (shape, values) => ({
    shape,
    values: values || new Float64Array(shape.reduce((a, b) => a * b, 1)),
  });

  live.outputSize = (size, kernel, stride, padding, dilation) =>
    Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

  /** The definition, literally: X [D, M, N], W [P, D, U, V] -> Y [P, M', N']. */
  live.conv2d = (X, W, bias, { stride = 1, padding = 0, dilation = 1 } = {}) => {
    const [D, M, N] = X.shape, [P, , U, V] = W.shape;
    const rows = live.outputSize(M, U, stride, padding, dilation);
    const columns = live.outputSize(N, V, stride, padding, dilation);
    if (rows < 1 || columns < 1) return live.array([P, 0, 0]);
    const Y = live.array([P, rows, columns]);
    for (let p = 0, to = 0; p < P; p++)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++, to++) {
          let sum = 0;
          for (let d = 0; d < D; d++)
            for (let u = 0; u < U; u++) {
              const m = i * stride - padding + u * dilation;
              if (m < 0 || m >= M) continue;
              for (let v = 0; v < V; v++) {
                const n = j * stride - padding + v * dilation;
                if (n < 0 || n >= N) continue;
                sum += W.values[((p * D + d) * U + u) * V + v] * X.values[(d * M + m) * N + n];
              }
            }
          Y.values[to] = sum + (bias ? bias[p] : 0);
        }
    return Y;
  };

  live.pool2x2 = (X, mode) => {
    const [D, M, N] = X.shape, Y = live.array([D, M >> 1, N >> 1]);
    for (let d = 0, to = 0; d < D; d++)
      for (let i = 0; i + 1 < M; i += 2)
        for (let j = 0; j + 1 < N; j += 2, to++) {
          const at = (d * M + i) * N + j;
          const four = [at, at + 1, at + N, at + N + 1].map((k) => X.values[k]);
          Y.values[to] = mode === "max" ? Math.max(...four) : four.reduce((a, b) => a + b) / 4;
        }
    return Y;
  };

  live.relu = (X) => ({ shape: X.shape, values: X.values.map((x) => Math.max(x, 0)) });

  /** Output o of a linear layer is the sum over i of x[i] W[i, o], plus b[o]. */
  live.linear = (X, W, bias) => {
    const [inputs, outputs] = W.shape, Y = live.array([outputs], Float64Array.from(bias));
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++) Y.values[o] += X.values[i] * W.values[i * outputs + o];
    return Y;
  };

  live.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  /** Numbers of half precision: sign, 5 bits of exponent, 10 of fraction. */
  live.halves = (text) => {
    const raw = live.bytes(text), out = new Float64Array(raw.length / 2);
    for (let k = 0; k < out.length; k++) {
      const h = raw[2 * k] | (raw[2 * k + 1] << 8), e = (h >> 10) & 31, f = h & 1023;
      out[k] = (h >> 15 ? -1 : 1) * (e ? 2 ** (e - 15) * (1 + f / 1024) : 2 ** -24 * f);
    }
    return out;
  };

  /** Short enough for a cell, with a true minus sign. */
  live.text = (x, digits = 2) =>
    (Number.isInteger(x) || Math.abs(x) >= 1000 ? String(Math.round(x)) : String(+x.toFixed(digits)))
      .replace("-0", (s) => (x === 0 ? "0" : s)).replace("-", "−");

  // --------------------------------------------------------------- interface
  live.el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes))
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
    node.append(...children.filter((child) => child != null));
    return node;
  };

  live.button = (label, onclick, attributes = {}) =>
    live.el("button", { type: "button", ...attributes, onclick }, label);

  /** A choice from a list of [value, text]. */
  live.select = (label, options, value, onchange) => {
    const field = live.el("select", { onchange: () => onchange(field.value) });
    for (const [key, text] of options) field.append(live.el("option", { value: key }, text));
    field.value = value;
    return Object.assign(live.el("label", { class: "nl-field" }, label, field), { field });
  };

  /** A whole number between two bounds, with a slider that keyboard and finger can move. */
  live.slider = (label, value, min, max, onchange) => {
    const shown = live.el("output", {}, String(value));
    const field = live.el("input", {
      type: "range", min, max, value, step: 1,
      oninput: () => { shown.textContent = field.value; onchange(+field.value); },
    });
    const box = live.el("label", { class: "nl-field" }, live.el("span", {}, label, " ", shown), field);
    box.set = (x) => { field.value = x; shown.textContent = field.value; };
    return Object.assign(box, { field });
  };

  /** Light text means a dark page, whoever chose it: site, system or JupyterLab. */
  live.dark = (node) => {
    const shown = node.isConnected ? node : document.querySelector(".nndl-live");
    const [r, g, b] = getComputedStyle(shown).color.match(/[\d.]+/g).map(Number);
    return 0.299 * r + 0.587 * g + 0.114 * b > 128;
  };

  const watched = new Set();
  const repaint = () => requestAnimationFrame(() => watched.forEach((draw) => draw())); // new styles first
  live.onTheme = (draw) => {
    if (!watched.size) {
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
      new MutationObserver(repaint).observe(document.body, {
        attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "class"],
      });
    }
    watched.add(draw);
  };

  /** Colour of a value: grey from `low` to `high`, or blue − page − orange around zero. */
  live.colour = (x, { grey, low = 0, high = 1, dark = false }) => {
    if (grey) {
      const g = Math.round((255 * (Math.min(Math.max(x, low), high) - low)) / (high - low || 1));
      return [g, g, g];
    }
    const t = Math.max(-1, Math.min(1, x / (high || 1)));
    const zero = dark ? [24, 28, 33] : [255, 255, 255];
    const end = t < 0 ? (dark ? [86, 160, 255] : [20, 90, 190]) : dark ? [255, 156, 64] : [214, 92, 0];
    return zero.map((z, k) => Math.round(z + (end[k] - z) * Math.abs(t)));
  };

  /** A table of numbers. Arrow keys move between cells; pointing, focus and a tap choose one. */
  live.grid = (rows, columns, { label, name = "cell", onpick, onkey, corner = 0 }) => {
    const body = live.el("tbody");
    const table = live.el("table", { class: "nl-grid", role: "grid", "aria-label": label }, body);
    const cells = [];
    for (let i = 0; i < rows; i++) {
      const row = live.el("tr");
      for (let j = 0; j < columns; j++) {
        const cell = live.el("td", { tabindex: i + j ? -1 : 0, "data-at": `${i},${j}` });
        cell.at = [i - corner, j - corner];
        cells.push(cell);
        row.append(cell);
      }
      body.append(row);
    }
    const here = (event) => cells.indexOf(event.target.closest("td"));
    const focus = (k) => {
      cells.forEach((cell, other) => (cell.tabIndex = other === k ? 0 : -1));
      cells[k].focus({ preventScroll: true });
    };
    if (onpick) {
      let last = "";
      for (const kind of ["pointerover", "focusin", "click"])
        table.addEventListener(kind, (event) => {
          const place = `${event.clientX},${event.clientY}`;
          const rests = kind === "pointerover" && place === last; // the page moved, not the pointer
          last = kind === "pointerover" ? place : last;
          if (here(event) >= 0 && !rests) onpick(...cells[here(event)].at, kind);
        });
    } else table.addEventListener("click", (event) => here(event) >= 0 && focus(here(event)));
    table.addEventListener("keydown", (event) => {
      const k = here(event), step = { ArrowUp: -columns, ArrowDown: columns, ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (k < 0) return;
      if (step) {
        event.preventDefault();
        const inRow = Math.abs(step) > 1 || Math.floor((k + step) / columns) === Math.floor(k / columns);
        if (cells[k + step] && inRow) focus(k + step);
      } else if (onkey && onkey(...cells[k].at, event.key)) event.preventDefault();
    });
    /** Text and class of every cell, by what `look(i, j)` says of it. */
    table.fill = (look) => {
      for (const cell of cells) {
        const { text = "", style = "", mark = "" } = look(...cell.at);
        cell.textContent = text;
        cell.setAttribute("style", style);
        cell.className = mark;
        cell.setAttribute("aria-label", `${name} ${cell.at.join(", ")}: ${text || "empty"}`);
      }
    };
    return table;
  };

  /** Values as a picture of large pixels. `frame(i, j, height, width)` draws a box on it. */
  live.picture = (rows, columns, { label, onpick, width }) => {
    const canvas = live.el("canvas", { width: columns, height: rows, role: "img", "aria-label": label });
    const frame = live.el("span", { class: "nl-frame", hidden: true });
    const box = live.el("span", { class: "nl-picture", style: `width:${width}px` }, canvas, frame);
    const context = canvas.getContext("2d");
    box.canvas = canvas;
    box.paint = (values, look) => {
      const image = context.createImageData(columns, rows);
      const dark = live.dark(box);
      for (let k = 0; k < rows * columns; k++) {
        const colour = live.colour(values[k], { dark, ...look });
        image.data.set([...colour, 255], 4 * k);
      }
      context.putImageData(image, 0, 0);
    };
    box.frame = (i, j, height = 1, wide = 1) => {
      frame.hidden = i == null;
      if (i == null) return;
      const of = (a, b) => `${(100 * a) / b}%`;
      Object.assign(frame.style, { top: of(i, rows), left: of(j, columns), height: of(height, rows), width: of(wide, columns) });
    };
    if (onpick) {
      // Arrow keys go from value to value, so that a keyboard reaches all that a pointer does.
      const at = [rows >> 1, columns >> 1];
      box.tabIndex = 0;
      box.setAttribute("role", "application");
      box.setAttribute("aria-label", `${label}: arrow keys choose a value`);
      canvas.setAttribute("role", "presentation");
      canvas.removeAttribute("aria-label");
      const pick = (event) => {
        const area = canvas.getBoundingClientRect();
        at[0] = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - area.top) / area.height) * rows)));
        at[1] = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - area.left) / area.width) * columns)));
        onpick(...at);
      };
      canvas.addEventListener("pointermove", pick);
      canvas.addEventListener("pointerdown", pick);
      box.addEventListener("focus", () => onpick(...at));
      box.addEventListener("keydown", (event) => {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (!step) return;
        event.preventDefault();
        at[0] = Math.min(rows - 1, Math.max(0, at[0] + step[0]));
        at[1] = Math.min(columns - 1, Math.max(0, at[1] + step[1]));
        onpick(...at);
      });
    }
    return box;
  };
})();
