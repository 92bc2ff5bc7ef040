/** Throughput as an SVG of grouped bars, readable on light and dark backgrounds. */
import { escaped } from '../support/markup.js';

export interface ChartGroup {
  readonly label: string;
  readonly bars: readonly { readonly series: string; readonly value: number }[];
}

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  /** Names of series with their colours, in the order of the legend. */
  readonly series: Readonly<Record<string, string>>;
  readonly groups: readonly ChartGroup[];
}

const WIDTH = 860;
const LEFT = 190;
const RIGHT = 90;
const TOP = 84;
const BAR = 13;
const GROUP_GAP = 12;
const TICKS = 5;

/** Rounds up to 1, 2, 2.5, 5 or 10 times a power of ten. */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= value) ?? value;
}

export function drawChart({ title, subtitle, series, groups }: Chart): string {
  const most = niceCeiling(Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ value }) => value))));
  const x = (value: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * value) / most;
  let y = TOP;
  const drawn = groups.map(({ label, bars }) => {
    const top = y;
    y += bars.length * BAR + GROUP_GAP;
    const middle = top + (bars.length * BAR) / 2 + 4;
    const lines = bars.map(({ series: name, value }, i) =>
      bar({ top: top + i * BAR, end: x(value), value, colour: series[name] ?? 'gray' }),
    );
    return `<text x="${LEFT - 8}" y="${middle}" text-anchor="end">${escaped(label)}</text>\n${lines.join('\n')}`;
  });
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => (most * i) / TICKS);
  const grid = ticks.map(
    (tick) =>
      `<line x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${TOP - 6}" y2="${y}"/>` +
      `<text class="quiet" x="${x(tick).toFixed(1)}" y="${y + 14}" text-anchor="middle">${tick.toLocaleString('en')}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 26}" width="${WIDTH}" height="${y + 26}" role="img">`,
    `<title>${escaped(title)}</title>`,
    STYLE,
    `<text class="title" x="12" y="24">${escaped(title)}</text>`,
    `<text class="quiet" x="12" y="42">${escaped(subtitle)}</text>`,
    legend(series),
    ...grid,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** An SVG image in a page can follow the reader's colour scheme, but not the page's colours. */
const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.quiet { fill: #6e7781; }
line { stroke: #8c959f; stroke-opacity: 0.3; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .quiet { fill: #9198a1; } }
</style>`;

interface Bar {
  readonly top: number;
  readonly end: number;
  readonly value: number;
  readonly colour: string;
}

const bar = ({ top, end, value, colour }: Bar): string =>
  `<rect x="${LEFT}" y="${top + 1}" width="${Math.max(1, end - LEFT).toFixed(1)}" height="${BAR - 2}" fill="${colour}"/>` +
  `<text x="${(Math.max(LEFT + 1, end) + 5).toFixed(1)}" y="${top + BAR - 3}">${Math.round(value).toLocaleString('en')}</text>`;

function legend(series: Chart['series']): string {
  const room = 130;
  return Object.entries(series)
    .map(
      ([name, colour], i) =>
        `<rect x="${12 + i * room}" y="54" width="11" height="11" fill="${colour}"/>` +
        `<text x="${28 + i * room}" y="64">${escaped(name)}</text>`,
    )
    .join('\n');
}
