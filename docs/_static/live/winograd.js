/* F(2, 3): two outputs of a kernel of three with four multiplications in place of six. */
nndlLive.define("winograd", (root, live) => {
  const { el, text } = live;
  const state = { d: [1, 2, 4, 3], g: [3, 1, 2] };
  const box = el("div"), told = el("p", { class: "nl-sum", "aria-live": "polite" });
  const field = (name, k) => el("label", { class: "nl-number" }, `${name}${"₀₁₂₃"[k]} `, el("input", {
    type: "number", step: "any", value: state[name][k],
    oninput: (event) => {
      if (!Number.isFinite(event.target.valueAsNumber)) return;
      state[name][k] = event.target.valueAsNumber;
      show();
    },
  }));
  root.append(
    el("div", { class: "nl-row nl-controls" }, el("span", {}, "输入 d："), ...state.d.map((_, k) => field("d", k))),
    el("div", { class: "nl-row nl-controls" }, el("span", {}, "卷积核 g："), ...state.g.map((_, k) => field("g", k))),
    box, told, el("p", { class: "nl-note" }, "改任何一个数。指向（或用 Tab 键选中）一个 m，看它进了哪些输出；每个 m 是一次乘法，g 的和只算一次就能用在所有窗口上。"),
  );

  function compute({ d, g }) {
    const left = [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]];
    const right = [g[0], (g[0] + g[1] + g[2]) / 2, (g[0] - g[1] + g[2]) / 2, g[2]];
    const m = left.map((a, k) => a * right[k]);
    return {
      left, right, m, y: [m[0] + m[1] + m[2], m[1] - m[2] - m[3]],
      direct: [d[0] * g[0] + d[1] * g[1] + d[2] * g[2], d[1] * g[0] + d[2] * g[1] + d[3] * g[2]],
    };
  }

  const FORMS = [["d₀ − d₂", "g₀"], ["d₁ + d₂", "(g₀ + g₁ + g₂)/2"], ["d₂ − d₁", "(g₀ − g₁ + g₂)/2"], ["d₁ − d₃", "g₂"]];
  const SIGNS = [[1, 1, 1, 0], [0, 1, -1, -1]]; // y = SIGNS · m

  function show(hit = null) {
    const { left, right, m, y, direct } = compute(state);
    const rows = m.map((value, k) => el("tr", {
      tabindex: 0, class: hit === k ? "nl-hit" : "",
      onpointerenter: () => mark(k), onfocus: () => mark(k),
    }, ...[`m${"₁₂₃₄"[k]}`, `(${FORMS[k][0]}) × ${FORMS[k][1]}`, `${text(left[k], 3)} × ${text(right[k], 3)}`, text(value, 4),
      ...SIGNS.map((row) => ["−", "", "+"][row[k] + 1])].map((t) => el("td", {}, t))));
    box.replaceChildren(el("div", { class: "nl-scroll", tabindex: 0, role: "region", "aria-label": "the four products" }, el("table", { class: "nl-table" },
      el("thead", {}, el("tr", {}, ...["", "formula", "numbers", "product", "in y₀", "in y₁"].map((t) => el(t ? "th" : "td", t ? { scope: "col" } : {}, t)))),
      el("tbody", {}, ...rows))));
    const same = y.every((value, k) => Math.abs(value - direct[k]) <= 1e-9 * Math.max(1, Math.abs(value)));
    told.textContent = `y₀ = m₁ + m₂ + m₃ = ${text(y[0], 4)}，y₁ = m₂ − m₃ − m₄ = ${text(y[1], 4)}　·　4 multiplications.　` +
      `Directly: d₀g₀ + d₁g₁ + d₂g₂ = ${text(direct[0], 4)}, d₁g₀ + d₂g₁ + d₃g₂ = ${text(direct[1], 4)}　·　6 multiplications: ${same ? "the same" : "different"}.`;
  }

  function mark(k) {
    root.querySelectorAll("tbody tr").forEach((row, other) => {
      row.className = other === k ? "nl-hit" : "";
      [...row.cells].slice(4).forEach((cell) => (cell.className = other === k && cell.textContent ? "nl-hit" : ""));
    });
  }

  show();
  return { compute };
});
