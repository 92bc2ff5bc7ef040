/** The style sheet of a page; light or dark as the reader's system is. */
export const STYLE = `
:root { --bg:#f7f8fa; --card:#fff; --ink:#1c2430; --soft:#66707f; --line:#dfe3ea; --lane:#fff; --odd:#f4f6f9;
  --write:#dce8fb; --write-ink:#1c4480; --read:#dff3ea; --read-ink:#12603f; --delete:#fdeacb; --delete-ink:#7d4b05;
  --absent:#b9c0cb; --bad:#d3222f; --bad-soft:#fde7e8; --good:#15803d; --unknown:#a16207; --order:#5b6bd6; }
@media (prefers-color-scheme: dark) { :root { --bg:#12161d; --card:#1a202a; --ink:#e6eaf1; --soft:#98a3b3; --line:#2d3644;
  --lane:#1a202a; --odd:#1e2530; --write:#20385c; --write-ink:#cfe1ff; --read:#1b4434; --read-ink:#c8f2de; --delete:#4b3714;
  --delete-ink:#ffe2ad; --absent:#4a5463; --bad:#ff6b74; --bad-soft:#3d1d22; --good:#4ade80; --unknown:#facc15; --order:#93a0ff; } }
* { box-sizing:border-box; }
body { margin:0; padding:28px 32px 48px; background:var(--bg); color:var(--ink);
  font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
header { display:flex; flex-wrap:wrap; align-items:center; gap:10px 16px; margin-bottom:14px; }
.verdict { font-weight:700; letter-spacing:.06em; padding:5px 14px; border-radius:999px; color:#fff; }
.verdict.ILLEGAL { background:#d3222f; } .verdict.LINEARIZABLE, .verdict.SERIALIZABLE { background:#15803d; } .verdict.UNKNOWN { background:#a16207; }
h1 { font-size:20px; margin:0; font-weight:650; overflow-wrap:anywhere; }
.counts { color:var(--soft); margin-left:auto; }
code { font:12.5px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace; overflow-wrap:anywhere; }
.finding { background:var(--card); border:1px solid var(--line); border-left:5px solid var(--bad); border-radius:8px;
  padding:12px 16px; margin:0 0 14px; max-width:1100px; }
.finding.plain { border-left-color:var(--soft); }
.finding p { margin:2px 0; } .finding .what { font-size:15px; font-weight:600; } .finding .soft { color:var(--soft); }
.bar-tools { display:flex; flex-wrap:wrap; align-items:center; gap:8px 20px; margin:0 0 10px; }
.tabs { display:inline-flex; border:1px solid var(--line); border-radius:8px; overflow:hidden; background:var(--card); }
.tabs label { padding:6px 14px; cursor:pointer; color:var(--soft); } .tabs label + label { border-left:1px solid var(--line); }
input.tab { position:absolute; opacity:0; }
#show-window:checked ~ .bar-tools label[for=show-window], #show-all:checked ~ .bar-tools label[for=show-all] {
  background:var(--ink); color:var(--bg); font-weight:600; }
#show-window:focus-visible ~ .bar-tools label[for=show-window], #show-all:focus-visible ~ .bar-tools label[for=show-all] {
  outline:2px solid var(--order); outline-offset:-2px; }
#show-window:checked ~ .view-all, #show-all:checked ~ .view-window { display:none; }
.legend { display:flex; flex-wrap:wrap; gap:4px 16px; color:var(--soft); font-size:12.5px; align-items:center; }
.legend span { display:inline-flex; align-items:center; gap:6px; }
.key { width:22px; height:13px; border-radius:3px; display:inline-block; border:1px solid transparent; }
.key.write { background:var(--write); } .key.read { background:var(--read); } .key.delete { background:var(--delete); }
.key.unknown { border:1.5px dashed var(--soft); } .key.wrong { background:var(--bad-soft); border:2px solid var(--bad); }
.key.pin { width:26px; font-style:normal; border-radius:8px; background:var(--order); color:#fff; font-size:10px; line-height:12px; text-align:center; }
.chart { display:flex; background:var(--card); border:1px solid var(--line); border-radius:10px; overflow:hidden; }
.labels { flex:none; border-right:1px solid var(--line); background:var(--card); z-index:1; max-width:190px; }
.lane-label, .value-label { display:flex; align-items:center; padding:0 14px; white-space:nowrap; overflow:hidden; text-overflow:ellipsis; }
.lane-label { font-weight:550; padding-bottom:10px; } .value-label { color:var(--soft); font-size:12.5px; border-bottom:1px solid var(--line); }
.scroll { overflow-x:auto; flex:1; background:var(--lane); } svg { display:block; font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif; }
.lane { fill:var(--lane); } .lane.odd { fill:var(--odd); } .tick { stroke:var(--line); } .tick-label { fill:var(--soft); font-size:11px; }
.failure-band { fill:var(--bad); opacity:.08; }
.reign rect { fill:var(--tint); opacity:.32; } .reign.absent rect { fill:none; stroke:var(--absent); stroke-dasharray:3 3; opacity:1; }
.reign-label { fill:var(--ink); font-weight:600; font-size:11.5px; } .reign.absent .reign-label { fill:var(--soft); font-weight:400; font-style:italic; }
.order { fill:none; stroke:var(--order); stroke-width:1.4; opacity:.38; stroke-linejoin:round; }
.bar { cursor:default; outline:none; } .bar .body { fill:var(--write); stroke:transparent; stroke-width:1.5; } .bar text { fill:var(--write-ink); }
.bar.get .body { fill:var(--read); } .bar.get text { fill:var(--read-ink); }
.bar.delete .body { fill:var(--delete); } .bar.delete text { fill:var(--delete-ink); }
.bar.failed .body { fill:var(--lane); stroke:var(--line); } .bar.failed text { fill:var(--soft); }
.bar.unknown .body { stroke:var(--soft); stroke-dasharray:4 3; } .bar.unplaced { opacity:.5; } .bar.unplaced.wrong { opacity:1; }
.bar .chip { fill:var(--tint); } .bar:hover .body, .bar:focus-visible .body, .bar.same .body { stroke:var(--ink); stroke-dasharray:none; }
.bar.wrong .body { fill:var(--bad-soft); stroke:var(--bad); stroke-width:2.5; stroke-dasharray:none; } .bar.wrong text { fill:var(--bad); font-weight:700; }
.tail { stroke:var(--order); stroke-dasharray:2 3; } .pin { fill:var(--order); } .bar text.pin-label, .bar.wrong text.pin-label { fill:#fff; font-size:10px; font-weight:600; text-anchor:middle; }
@media (prefers-color-scheme: dark) { .bar text.pin-label { fill:#10141b; } .key.pin { color:#10141b; } }
.cross { fill:var(--bad); } .bar.wrong text.cross-label { fill:#fff; font-size:12px; text-anchor:middle; }
#tip { position:fixed; z-index:9; pointer-events:none; max-width:460px; padding:10px 14px; border-radius:8px; background:var(--ink); color:var(--bg);
  box-shadow:0 6px 24px rgba(0,0,0,.28); font-size:13px; overflow-wrap:anywhere; }
#tip dl { display:grid; grid-template-columns:auto 1fr; gap:1px 12px; margin:6px 0 0; } #tip dt { opacity:.65; } #tip dd { margin:0; }
#tip dd.state { font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace; font-size:12.5px; } #tip strong { display:block; }
details { margin-top:16px; } summary { cursor:pointer; color:var(--soft); } table { border-collapse:collapse; margin-top:8px; background:var(--card); }
td, th { border:1px solid var(--line); padding:3px 10px; text-align:left; font-weight:400; vertical-align:top; } th { color:var(--soft); font-size:12.5px; }
td.number { text-align:right; font-variant-numeric:tabular-nums; } tr.wrong td { background:var(--bad-soft); color:var(--bad); font-weight:600; }
.edge { fill:none; stroke-width:2; } .edge.ww, .edge.wr { stroke:var(--order); } .edge.rw { stroke:var(--bad); } .edge.time { stroke:var(--soft); stroke-dasharray:5 4; }
.edge-label { font-weight:600; font-size:11.5px; text-anchor:middle; fill:var(--ink); paint-order:stroke; stroke:var(--lane); stroke-width:4px; stroke-linejoin:round; }
.edge-head.ww, .edge-head.wr { fill:var(--order); } .edge-head.rw { fill:var(--bad); } .edge-head.time { fill:var(--soft); }
.finding ul { margin:6px 0 2px; padding-left:20px; } .finding li::marker { color:var(--soft); }
.note { color:var(--soft); font-size:12.5px; margin:8px 2px 0; }
`;
