/** What a script made is taken away, in order, once, and in spite of failures. */
import { expect, it } from 'vitest';
import { CleanUp } from '../../scripts/support/clean-up.js';

function scene() {
  const said: string[] = [];
  const done: string[] = [];
  const cleanUp = new CleanUp((message) => said.push(message));
  const add = (name: string) =>
    cleanUp.add(`undo ${name}`, () => {
      done.push(name);
    });
  return { cleanUp, add, said, done };
}

it('undoes steps in reverse order, each once', async () => {
  const { cleanUp, add, done } = scene();
  add('a');
  const undo = add('b');
  add('c');
  await undo();
  await undo();
  expect(await cleanUp.run()).toBe(0);
  expect(await cleanUp.run()).toBe(0);
  expect(done).toEqual(['b', 'c', 'a']);
});

it('continues after a failed step, reports and counts it', async () => {
  const { cleanUp, add, said, done } = scene();
  add('a');
  cleanUp.add('undo b', () => {
    throw new Error('it is busy');
  });
  add('c');
  expect(cleanUp.begun).toBe(false);
  expect(await cleanUp.run()).toBe(1);
  expect(cleanUp.begun).toBe(true);
  expect(done).toEqual(['c', 'a']);
  expect(said).toEqual(['could not undo b: it is busy']);
});

it('retries at the end a step whose early undo failed', async () => {
  const { cleanUp } = scene();
  let tries = 0;
  const undo = cleanUp.add('undo a', () => {
    if (++tries === 1) throw new Error('not yet');
  });
  await expect(undo()).rejects.toThrow('not yet');
  expect(await cleanUp.run()).toBe(0);
  expect(tries).toBe(2);
});
