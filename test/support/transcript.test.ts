import { describe, expect, it } from 'vitest';
import { consoleBlocks, difference, levelled } from './transcript.js';

const document = `# Title
## Use
text
\`\`\`console
$ npm start
kvorum ready http://127.0.0.1:8080 pids=1,2,3
$ curl -X PUT \\
> host
a
b
\`\`\`
\`\`\`sh
$ not this
\`\`\`
### Deeper
\`\`\`console
$ true
\`\`\`
## Other
\`\`\`console
$ false
\`\`\`
`;

describe('a document', () => {
  it('gives its console blocks, with headings, commands, continuations and output', () => {
    const blocks = consoleBlocks(document);
    expect(blocks.map(({ headings }) => headings)).toEqual([
      ['Title', 'Use'],
      ['Title', 'Use', 'Deeper'],
      ['Title', 'Other'],
    ]);
    expect(blocks[0]?.steps).toEqual([
      { command: 'npm start', expected: ['kvorum ready http://127.0.0.1:8080 pids=1,2,3'], line: 5 },
      { command: 'curl -X PUT \\\nhost', expected: ['a', 'b'], line: 7 },
    ]);
    expect(blocks[1]?.steps).toEqual([{ command: 'true', expected: [], line: 17 }]);
  });

  it('may not have output before a command', () => {
    expect(() => consoleBlocks('```console\nx\n```')).toThrow('line 2');
  });
});

describe('what varies from run to run', () => {
  it.each([
    ['{"revision":3,"version":1}', '{"revision":77,"version":1}'],
    ['{"current_revision": 3}', '{"current_revision": 4}'],
    ['ETag: "3"', 'ETag: "12"'],
    ['pids=1,2,3', 'pids=10,20,30'],
    ['018f3f6e-7c1a-7cc4-a5b5-3d7a4d0e9b11', '018f3f6e-0000-7cc4-a5b5-3d7a4d0e9b11'],
    ['"leader":"n1"', '"leader":"n3"'],
    ['at 127.0.0.1:23456', 'at 127.0.0.1:29999'],
    ['n1    running    101      5  http://127.0.0.1:1', 'n1    running  20101     12  http://127.0.0.1:2'],
    ['shards: all 16 have a leader', 'shards: 3 of 16 have a leader; none for 1, 2'],
    ['did: isolate 1', 'did: isolate 3'],
  ])('is level: %s and %s', (a, b) => {
    expect(levelled(a)).toBe(levelled(b));
    expect(difference([a], [b])).toBeUndefined();
  });

  it.each([
    ['{"version":1}', '{"version":2}'],
    ['{"shard":3}', '{"shard":4}'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8081'],
    ['{"created":true}', '{"created":false}'],
    ['John', 'john'],
    ['n1    running    101', 'n1       dead    101'],
    ['links: 1-2 cut, 1-3 cut', 'links: 1-2 cut'],
  ])('is not this: %s and %s', (a, b) => {
    expect(difference([a], [b])).toContain('documented');
  });
});

describe('an ellipsis', () => {
  it('stands for anything within a line, and for any lines when alone', () => {
    expect(difference(['a…c'], ['abbc'])).toBeUndefined();
    expect(difference(['a…c'], ['abb'])).toBeDefined();
    expect(difference(['a', '…', 'z'], ['a', 'b', 'c', 'z'])).toBeUndefined();
    expect(difference(['a', '…', 'z'], ['a', 'z'])).toBeUndefined();
    expect(difference(['a', '…', 'z'], ['a', 'b'])).toBeDefined();
    expect(difference(['a.c'], ['abc'])).toBeDefined();
  });

  it('is needed: missing and further lines are differences', () => {
    expect(difference(['a'], ['a', 'b'])).toBeDefined();
    expect(difference(['a', 'b'], ['a'])).toBeDefined();
    expect(difference([], ['a'])).toBeDefined();
    expect(difference([], [''])).toBeUndefined();
  });
});
