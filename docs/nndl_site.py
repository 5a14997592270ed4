"""What the site's settings need from a module: a search for Chinese, and anchors of headings."""

import re

from sphinx.search import SearchLanguage

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_RUNS = re.compile(rf"[{HAN}]+|[^\W{HAN}]+")


def heading_slug(title):
    """JupyterLab's rule, so that one link works in the notebook and on the site."""
    return title.replace(" ", "-")


class ChineseBigrams(SearchLanguage):
    """Search that finds any Chinese words: every pair of neighbouring characters is indexed.

    A dictionary finds only the words it has ("感受野" is not one of them); pairs need none, and
    the query is cut by the same rule in the reader's browser.
    """

    lang = "zh"
    language_name = "Chinese"
    js_splitter_code = rf"""
function splitQuery(query) {{
  const words = [];
  for (const run of query.match(/[{HAN}]+|(?:(?![{HAN}])[\p{{L}}\p{{N}}_])+/gu) || []) {{
    if (/^[{HAN}]{{2,}}$/u.test(run))
      for (let i = 0; i + 1 < run.length; i++) words.push(run.slice(i, i + 2));
    else words.push(run);
  }}
  return words;
}}
"""

    def split(self, text):
        words = []
        for run in _RUNS.findall(text):
            if re.match(rf"[{HAN}]", run):
                words += [*run, *(run[i : i + 2] for i in range(len(run) - 1))]
            else:
                words.append(run)
        return words

    def stem(self, word):
        return word.lower()
