/**
 * Golden transcripts: each file in scripts/ is run again and must produce the output that it shows.
 * KVORUM_UPDATE_TRANSCRIPTS=1 rewrites them, for review; their `expect` lines hold even then.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runScript } from './harness/script.js';

const folder = new URL('./scripts/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describe('transcripts', () => {
  it.each(files)('%s', (name) => {
    const path = new URL(name, folder);
    const golden = readFileSync(path, 'utf8');
    expect(golden, 'the head says which scenario it shows').toMatch(/^# (s\d+ )+/);
    const actual = runScript(golden);
    if (process.env['KVORUM_UPDATE_TRANSCRIPTS'] === '1') writeFileSync(path, actual);
    else expect(actual).toBe(golden);
  });
});
