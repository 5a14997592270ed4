/* Small help for the pages: words searched for, wide content, figures to enlarge, players. */
(() => {
  const article = document.querySelector("article");
  if (!article) return;

  // Words that a search was for are marked, also inside what is folded.
  const words = (new URLSearchParams(location.search).get("highlight") || "").toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) {
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT), texts = [];
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (!node.parentElement.closest("script, style, math, .nndl-live") && words.some((w) => node.data.toLowerCase().includes(w))) texts.push(node);
    }
    for (let node of texts)
      for (;;) {
        const lower = node.data.toLowerCase();
        const [at, length] = words.map((w) => [lower.indexOf(w), w.length]).filter(([k]) => k >= 0).sort((a, b) => a[0] - b[0])[0] || [];
        if (at === undefined) break;
        const hit = node.splitText(at);
        node = hit.splitText(length);
        const mark = document.createElement("mark");
        hit.replaceWith(mark);
        mark.append(hit);
      }
  }
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) {
    target.closest("details")?.setAttribute("open", "");
    target.scrollIntoView({ behavior: "instant" }); // live figures have changed the page's height
  }

  // What is wider than its place scrolls; then a keyboard must be able to scroll it too.
  const reach = () => document.querySelectorAll(".math, pre, .cell_output .output, .table-wrapper").forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1 && !box.querySelector("a, button, input")) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
  reach();
  addEventListener("resize", reach);

  // A figure opens at its full size over the page; without scripts the link opens the picture.
  const view = document.createElement("dialog");
  view.className = "zoomed";
  view.setAttribute("aria-label", "放大的图");
  view.addEventListener("click", () => view.close());
  document.body.append(view);
  article.addEventListener("click", (event) => {
    const link = event.target.closest("a.zoom");
    if (!link) return;
    event.preventDefault();
    const shown = [...link.querySelectorAll("img")].find((image) => image.offsetWidth);
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "× 关闭" });
    const box = document.createElement("div");
    box.tabIndex = 0;
    box.append(Object.assign(new Image(), { src: shown.src, alt: shown.alt }));
    view.replaceChildren(close, box);
    view.showModal();
  });

  // Players of steps open at the first step, and take the page's palette.
  const palette = () => {
    const dark = getComputedStyle(document.body).colorScheme === "dark" || document.body.dataset.theme === "dark" ||
      (document.body.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.querySelectorAll("img[data-dark]").forEach((image) => { image.src = dark ? image.dataset.dark : image.dataset.light; });
  };
  document.querySelectorAll(".nndl-steps").forEach((player) => {
    player.querySelector("input[type=range]").value = 0;
    player.querySelectorAll("img").forEach((image, k) => { image.style.display = k ? "none" : "block"; });
  });
  palette();
  new MutationObserver(palette).observe(document.body, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", palette);
})();
