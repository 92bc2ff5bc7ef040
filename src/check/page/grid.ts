/** What charts have in common: lanes, a time axis above them, and labels on the left. */
import { formatDuration } from '../time.js';
import { escapeText, round } from './markup.js';

/** Height of the time axis. */
export const AXIS = 30;

export interface Grid {
  readonly width: number;
  /** Labels of the lanes. */
  readonly rows: readonly string[];
  readonly ticks: readonly { readonly x: number; readonly offset: number }[];
  /** Where the first lane begins, how high one is, and the height of the whole. */
  readonly top: number;
  readonly lane: number;
  readonly height: number;
}

export function drawGrid({ width, rows, ticks, top, lane, height }: Grid): string {
  const lanes = rows.map((_, row) => {
    const y = top + row * lane;
    return `<rect class="lane${row % 2 === 0 ? '' : ' odd'}" x="0" y="${y}" width="${width}" height="${lane}"/>`;
  });
  const marks = ticks.map(({ x, offset }) => {
    const label = offset === 0 ? '0' : `+${formatDuration(offset)}`;
    return `<line class="tick" x1="${round(x)}" x2="${round(x)}" y1="${AXIS - 6}" y2="${height}"/><text class="tick-label" x="${round(x) + 3}" y="${AXIS - 12}">${label}</text>`;
  });
  return [...lanes, ...marks].join('\n');
}

/**
 * A drawing with the labels of its lanes beside it.
 *
 * @param above HTML of the labels between the axis and the lanes.
 */
export function frameChart(svg: string, { rows, lane }: Pick<Grid, 'rows' | 'lane'>, above = ''): string {
  const labels = rows.map((label) => `<div class="lane-label" style="height:${lane}px">${escapeText(label)}</div>`);
  return [
    `<div class="chart"><div class="labels"><div style="height:${AXIS}px"></div>`,
    `${above}${labels.join('')}</div>`,
    `<div class="scroll">${svg}</div></div>`,
  ].join('\n');
}

const PER_LETTER = 6.6;

/** As much of a text as fits, or nothing. */
export function fit(text: string, width: number): string {
  const letters = Math.floor(width / PER_LETTER);
  if (text.length <= letters) return text;
  return letters < 3 ? '' : `${text.slice(0, letters - 1)}…`;
}
