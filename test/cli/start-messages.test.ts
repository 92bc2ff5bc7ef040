import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nextSteps, shortPath, startingLine, stoppingLine } from '../../src/cli/start-messages.js';
import { FORMS } from '../../scripts/faults/arguments.js';

const steps = (more: Partial<Parameters<typeof nextSteps>[0]> = {}): string[] =>
  nextSteps({ url: 'http://h:1', dataDir: '.kvorum', pids: [5, 6], faults: false, hasLogs: true, ...more });

describe('messages at the start of a cluster', () => {
  it('counts', () => {
    const one = { nodes: 1, routers: 1, dataDir: '.kvorum' };
    expect(startingLine(one)).toBe('starting a node and a router, data in .kvorum');
    expect(stoppingLine({ ...one, nodes: 3, routers: 2 })).toBe(
      'stopping 3 nodes and 2 routers; their data stays in .kvorum',
    );
  });

  it('shows a path relative to the working directory if that is shorter', () => {
    expect(shortPath(join('/a', 'b', 'c'), '/a/b')).toBe('c');
    expect(shortPath('/data', '/a/b/c/d')).toBe('/data');
    expect(shortPath('/a/b', '/a/b')).toBe('/a/b');
  });

  it('names existing commands', () => {
    expect(steps().join('\n')).toContain('kill -9 6');
    const words = /isolate leader:0 \(or (\w+), (\w+),/.exec(steps({ faults: true }).join('\n')) ?? [];
    expect(words.slice(1)).toEqual(['status', 'heal']);
    expect(Object.keys(FORMS)).toEqual(expect.arrayContaining(['isolate', 'heal']));
  });

  it('are at most four lines, and do not mention logs that do not exist', () => {
    expect(steps()).toHaveLength(4);
    expect(steps({ hasLogs: false }).join()).not.toContain('logs');
  });
});
