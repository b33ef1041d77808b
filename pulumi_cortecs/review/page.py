"""The style and the script of the HTML page, which loads nothing from elsewhere."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --page: #f5f6f8; --card: #fff; --text: #1b2230; --soft: #5b6577; --line: #dde1e8;
  --before: #a3adbd; --more: #c8431f; --less: #1f7a4d; --same: #3b6fd4; --good: #1f7a4d; --bad: #b3261e;
  --unsure: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --page: #12151c; --card: #1b2029; --text: #e7eaf0; --soft: #9aa5b8;
  --line: #2e3543; --before: #5f6b80; --more: #ff8a65; --less: #5fd39a; --same: #82a8ff; --good: #5fd39a;
  --bad: #ff8a80; --unsure: #f2c14e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: .35rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1rem 1.15rem;
  margin: 0 0 .8rem; }
.badge { display: inline-block; border-radius: 1rem; padding: .1rem .75rem; font-weight: 700; font-size: .9rem;
  color: var(--card); background: var(--good); }
.not-allowed .badge { background: var(--bad); }
.cannot-tell .badge { background: var(--unsure); }
.verdict { border-left: .4rem solid var(--good); }
.verdict.not-allowed { border-left-color: var(--bad); }
.verdict.cannot-tell { border-left-color: var(--unsure); }
.soft { color: var(--soft); font-size: .88rem; }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: .8rem; }
.totals .card { margin: 0; }
.difference { font-size: 1.7rem; font-weight: 700; line-height: 1.25; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
.price { white-space: nowrap; }
td, th { padding: .2rem 0 .2rem .7rem; text-align: right; font-weight: 400; vertical-align: top; }
td:first-child, th:first-child { padding-left: 0; text-align: left; }
thead th { color: var(--soft); }
.more { color: var(--more); } .less { color: var(--less); }
.filters { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 .8rem; }
.filters button, .filters input { font: inherit; font-size: .88rem; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 1rem; padding: .2rem .8rem; }
.filters button { cursor: pointer; }
.filters button[aria-pressed=true] { background: var(--text); border-color: var(--text); color: var(--page); }
.filters input { flex: 1 1 9rem; min-width: 0; }
.row { display: grid; grid-template-columns: minmax(0, 13rem) minmax(0, 1fr) 9.5rem; gap: .3rem 1.2rem; }
.row[hidden] { display: none; }
.row .name { font-weight: 600; overflow-wrap: anywhere; }
.row .by { text-align: right; font-weight: 600; font-variant-numeric: tabular-nums; }
.side { display: grid; grid-template-columns: 3.6rem minmax(0, 1fr); gap: 0 .5rem; font-size: .88rem;
  overflow-wrap: anywhere; }
.bar { position: relative; height: .5rem; margin: .1rem 0 .45rem; border-radius: .25rem; background: var(--line);
  grid-column: 2; overflow: hidden; }
.bar i { position: absolute; inset: 0 auto 0 0; border-radius: .25rem; background: var(--before); }
.bar i.scales { opacity: .45; }
.after .bar i { background: var(--same); }
.dearer .after .bar i { background: var(--more); } .cheaper .after .bar i { background: var(--less); }
.bar.unpriced { background: repeating-linear-gradient(45deg, var(--unsure) 0 .3rem, transparent .3rem .6rem); }
.remarks { grid-column: 2 / -1; margin: 0; padding: 0; list-style: none; font-size: .85rem; color: var(--soft); }
.loss { color: var(--bad); font-weight: 600; }
ul.plain { list-style: none; padding: .4rem 1.15rem; } ul.plain li { padding: .35rem 0; overflow-wrap: anywhere; }
ul.plain li + li { border-top: 1px solid var(--line); }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.failed::before { content: "✕ "; color: var(--bad); font-weight: 700; }
.passed::before { content: "✓ "; color: var(--good); font-weight: 700; }
@media (max-width: 40rem) { .row { grid-template-columns: minmax(0, 1fr); } .row .by { text-align: left; }
  .remarks { grid-column: 1; } h1 { font-size: 1.15rem; } }
"""

SCRIPT: Final = """
const rows = [...document.querySelectorAll(".row")];
const buttons = [...document.querySelectorAll(".filters button")];
const search = document.querySelector(".filters input");
const shown = document.querySelector("#shown");
function filter() {
  const action = buttons.find(button => button.getAttribute("aria-pressed") === "true")?.dataset.action ?? "";
  const words = search.value.toLowerCase();
  for (const row of rows)
    row.hidden = (action !== "" && row.dataset.action !== action) || !row.textContent.toLowerCase().includes(words);
  shown.textContent = rows.filter(row => !row.hidden).length;
}
for (const button of buttons) button.addEventListener("click", () => {
  for (const other of buttons) other.setAttribute("aria-pressed", other === button);
  filter();
});
search?.addEventListener("input", filter);
"""
