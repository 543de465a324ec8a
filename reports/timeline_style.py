"""The timeline's style sheet: colours for light and dark, chosen to differ for colour-blind eyes.

Tones also differ by dash and by words, never by colour alone.
"""

STYLE = """
:root { color-scheme: light dark;
  --page: #ffffff; --ink: #1b1f24; --soft: #5b6570; --line: #c9d0d8; --band: #f5f7f9;
  --request: #0b62a8; --push: #a34700; --good: #0a7a55; --problem: #b3134a; --badge: #263545;
  --fail: #fdeaf0; --person: #eef1f4; --server: #e4eff9; --vendor: #fbeee0; --phone: #e3f4ec; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14181d; --ink: #e8ecf0; --soft: #9aa6b2; --line: #3a444f; --band: #1a2027;
  --request: #6db7f2; --push: #f0a35c; --good: #58c99d; --problem: #ff7fa5; --badge: #d5dde5;
  --fail: #3a1c28; --person: #262e37; --server: #17304a; --vendor: #40301d; --phone: #173a2d; } }
body { margin: 0 auto; padding: 24px; max-width: max-content; background: var(--page);
  color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; }
.facts { margin: 0 0 18px; color: var(--soft); } .facts b { color: var(--ink); }
.facts strong { text-transform: uppercase; letter-spacing: .04em; }
.passed { color: var(--good); } strong.failed { color: var(--problem); }
.failures p, .failures pre { margin: 0; padding: 10px 14px; background: var(--fail);
  border-left: 4px solid var(--problem);
  font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
.failures p { font-weight: 700; overflow-wrap: anywhere; padding-bottom: 0; }
.failures pre { margin-bottom: 12px; overflow-x: auto; }
figure { margin: 0; overflow-x: auto; } figcaption { margin: 10px 0 22px; color: var(--soft); }
svg { display: block; font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
figure > svg { max-width: 100%; min-width: 960px; height: auto; }
.latency > svg { min-width: 0; }
svg text { fill: var(--ink); }
.even { --under: var(--band); } .odd { --under: var(--page); } .failed { --under: var(--fail); }
.band.even { fill: var(--band); } .band.odd { fill: var(--page); }
.band.failed { fill: var(--fail); }
rect.fault { fill: var(--problem); opacity: .22; } rect.behind { fill: var(--under); }
.life { stroke: var(--line); stroke-width: 1.5; }
.head rect { stroke: var(--line); } .head text { text-anchor: middle; font-weight: 600; }
.head text.role { font-weight: 400; font-size: 11px; fill: var(--soft); }
.head.person rect { fill: var(--person); }
.head.site rect, .head.gateway rect { fill: var(--server); }
.head.apns rect, .head.gcm rect { fill: var(--vendor); } .head.phone rect { fill: var(--phone); }
.step text { font-weight: 600; } .step text.detail { font-weight: 400; fill: var(--soft); }
.step circle { fill: var(--badge); }
.step text.number { fill: var(--page); text-anchor: middle; font-size: 13px; }
text.time { text-anchor: end; fill: var(--soft); font-variant-numeric: tabular-nums; }
.hop line { stroke-width: 2; } .hop text { text-anchor: middle; font-size: 12px; }
.mark text { font-size: 12px; }
.took { fill: var(--soft); }
.request line { stroke: var(--request); } marker.request { fill: var(--request); }
.push line { stroke: var(--push); stroke-width: 2.5; } marker.push { fill: var(--push); }
.problem line { stroke: var(--problem); stroke-dasharray: 6 4; }
marker.problem { fill: var(--problem); }
.mark circle { fill: var(--soft); } .mark.good circle { fill: var(--good); }
.mark.push circle { fill: var(--push); } .mark.problem circle { fill: var(--problem); }
.mark.problem text { fill: var(--problem); }
.key::before { content: ""; display: inline-block; width: 22px; margin: 0 6px 3px 0;
  border-top: 3px solid var(--soft); } .key { margin-right: 18px; white-space: nowrap; }
.key.request::before { border-color: var(--request); }
.key.push::before { border-color: var(--push); }
.key.good::before, .key.quiet::before, .key.trouble::before { width: 10px; height: 10px;
  margin-bottom: 0; border: 0; border-radius: 50%; background: var(--good); }
.key.quiet::before { background: var(--soft); }
.key.trouble::before { background: var(--problem); }
.key.fault::before { width: 12px; height: 16px; margin-bottom: -3px; border: 0; opacity: .22;
  background: var(--problem); }
.key.problem::before { border-top-style: dashed; border-color: var(--problem); }
table { border-collapse: collapse; margin: 0 0 18px; }
caption { text-align: left; font-weight: 600; white-space: nowrap; }
th, td { border-bottom: 1px solid var(--line); padding: 5px 16px 5px 0; text-align: left; }
th { color: var(--soft); font-weight: 400; }
footer { color: var(--soft); } code { color: var(--ink); font-size: 13px; }
"""
