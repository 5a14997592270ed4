/* Search over sections: every word must occur; titles weigh more; an excerpt shows the words. */
(() => {
  const query = new URLSearchParams(location.search).get("q")?.trim() || "";
  document.querySelectorAll('input[name="q"]').forEach((field) => { field.value = query; });
  if (!query) return;
  const words = query.toLowerCase().split(/\s+/);
  const count = (text, word) => text.split(word).length - 1;
  const found = [];
  for (const [page, anchor, name, english, text] of searchIndex) {
    const title = name.toLowerCase(), other = english.toLowerCase(), body = text.toLowerCase();
    if (!words.every((w) => title.includes(w) || other.includes(w) || body.includes(w))) continue;
    let score = 0;
    for (const w of words) {
      score += title === w ? 120 : title.includes(w) ? 60 : 0;
      score += other.includes(w) ? 40 : 0;
      score += Math.min(20, 4 * count(body, w)) / Math.sqrt(1 + body.length / 2000);
    }
    found.push({ page, anchor, name, english, text, score: score + (page.startsWith("_pages/notebooks") ? 5 : 0) });
  }
  found.sort((a, b) => b.score - a.score);

  /** Text with the words marked. */
  const marked = (text) => {
    const out = document.createElement("span"), lower = text.toLowerCase();
    let from = 0;
    while (from < text.length) {
      const hits = words.map((w) => [lower.indexOf(w, from), w.length]).filter(([k]) => k >= 0).sort((a, b) => a[0] - b[0] || b[1] - a[1]);
      if (!hits.length) break;
      const [at, length] = hits[0], mark = document.createElement("mark");
      mark.textContent = text.slice(at, at + length);
      out.append(text.slice(from, at), mark);
      from = at + length;
    }
    out.append(text.slice(from));
    return out;
  };
  const excerpt = (text) => {
    const at = Math.max(0, Math.min(...words.map((w) => text.toLowerCase().indexOf(w)).filter((k) => k >= 0)));
    const start = Number.isFinite(at) ? Math.max(0, at - 40) : 0;
    return (start ? "…" : "") + text.slice(start, start + 150) + (start + 150 < text.length ? "…" : "");
  };

  document.getElementById("search-count").textContent = found.length
    ? `「${query}」：${found.length} 处` : `没有找到「${query}」。换一个更短的词试试。`;
  const list = document.getElementById("search-results");
  for (const hit of found.slice(0, 60)) {
    const item = document.createElement("li"), link = document.createElement("a"), small = document.createElement("span");
    link.href = `${document.documentElement.dataset.content_root}${hit.page}?highlight=${encodeURIComponent(query)}${hit.anchor ? `#${hit.anchor}` : ""}`;
    link.append(marked(hit.name));
    small.className = "english";
    small.append(marked(hit.english));
    const text = document.createElement("p");
    text.append(marked(excerpt(hit.text)));
    item.append(link, " ", small, text);
    list.append(item);
  }
})();
