/** ARCHITECTURE walks a request through files; all documents name files that are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A reader who follows a walk has to open fewer files than this. */
const MOST_FILES = 45;

const architecture = text('ARCHITECTURE.md');
const filesIn = (markdown: string): string[] => [
  ...new Set([...markdown.matchAll(/`([\w./-]+\.ts)`/g)].map(([, path = '']) => path)),
];

describe.each(['A PUT', 'A GET', 'A Raft message', 'A restart'])('the walk of %s', (heading) => {
  const section = architecture.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const files = filesIn(section);

  it(`is through fewer than ${MOST_FILES} files`, () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.length).toBeLessThan(MOST_FILES);
  });

  it.each(files)('%s is there', (path) => {
    expect(existsSync(join(root, 'src', path))).toBe(true);
  });
});

describe('files that documents name', () => {
  const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...readdirSync(join(root, 'docs'))]
    .filter((name) => name.endsWith('.md'))
    .map((name) => (existsSync(join(root, name)) ? name : `docs/${name}`));
  const names = ['src', 'test', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => basename(path)),
  );
  const isThere = (path: string): boolean =>
    path.includes('/')
      ? ['.', 'src', 'test', 'scripts'].some((folder) => existsSync(join(root, folder, path)))
      : existsSync(join(root, path)) || names.includes(path);

  it.each(documents)('%s', (document) => {
    const markdown = text(document);
    const named = [...markdown.matchAll(/(?<![\w./…*-])((?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.ts)\b/g)].map(
      (m) => m[1] ?? '',
    );
    expect(named.filter((path) => !isThere(path))).toEqual([]);
    // Links to other documents, and to headings in them.
    const links = [...markdown.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
    for (const [, path = '', anchor] of links) {
      const target = path === '' ? document : join(document, '..', path);
      expect(existsSync(join(root, target)), `${target}, linked from ${document}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(text(target)), `#${anchor} in ${target}`).toContain(anchor);
    }
  });
});

/** As GitHub makes them. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
