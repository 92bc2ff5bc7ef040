/**
 * Plants a mutant: applies its edits to the text of the files that it names.
 *
 * An edit that does not fit exactly once is an error and never skipped: a bank whose patches no longer apply would go
 * on reporting that all is caught. Files are read through `read`.
 */
import type { Edit, Planted } from './mutant.js';

/** Some edits of a mutant do not fit the source. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
}

/** The files that the mutant changes, with their new text. @throws PatchError */
export function plant(mutant: Planted, read: (file: string) => string): Map<string, string> {
  if (mutant.edits.length === 0) throw new PatchError(`${mutant.id}: it changes nothing`);
  const changed = new Map<string, string>();
  for (const edit of [...(mutant.harmless ?? []), ...mutant.edits]) {
    changed.set(edit.file, applyEdit(mutant.id, edit, changed.get(edit.file) ?? readOrFail(mutant.id, edit, read)));
  }
  return changed;
}

function readOrFail(id: string, { file }: Edit, read: (file: string) => string): string {
  try {
    return read(file);
  } catch (error) {
    throw new PatchError(`${id}: ${file} cannot be read`, { cause: error });
  }
}

function applyEdit(id: string, { file, find, replace }: Edit, text: string): string {
  const parts = find === '' ? [] : text.split(find);
  if (parts.length !== 2) {
    const count = Math.max(parts.length - 1, 0);
    throw new PatchError(`${id}: in ${file} this occurs ${count} times, and must occur once:\n${indent(find)}`);
  }
  if (find === replace) throw new PatchError(`${id}: an edit of ${file} changes nothing`);
  return parts.join(replace);
}

const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => `    | ${line}`)
    .join('\n');
