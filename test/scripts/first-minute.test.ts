import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawCast } from '../../scripts/first-minute/cast.js';
import { projectRoot } from '../e2e/processes.js';

const cast = (text: string): string =>
  drawCast({
    title: 'a <title>',
    lines: [
      { kind: 'typed', text: 'npm start', at: 0.5 },
      { kind: 'said', text, at: 2 },
    ],
  });

describe('the picture of a terminal', () => {
  it('shows each line unchanged, at its time', () => {
    const svg = cast('{"a":1} & <b>');
    expect(svg).toContain('>$ npm start</text>');
    expect(svg).toContain('style="animation-delay:2.00s">{&quot;a&quot;:1} &amp; &lt;b&gt;</text>');
    expect(svg).toContain('<title>a &lt;title&gt;</title>');
    expect(svg).toContain('prefers-reduced-motion');
  });

  it('says where a line does not fit', () => {
    expect(/>(x+…)</.exec(cast('x'.repeat(300)))?.[1]).toHaveLength(110);
  });

  it('in the README matches the present output of npm start', () => {
    const svg = readFileSync(join(projectRoot, 'docs/images/first-minute.svg'), 'utf8');
    for (const part of ['starting 3 nodes and a router', 'kvorum ready ', 'try it ', 'break it ', 'logs ', 'Ctrl-C '])
      expect(svg).toContain(part);
    expect(svg).toMatch(/>hello<\/text>\s*<\/svg>/);
  });
});
