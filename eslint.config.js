import { readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';

/** `test/tidy.test.ts` holds the same. */
const budgets = JSON.parse(readFileSync(new URL('test/support/tidy/budgets.json', import.meta.url), 'utf8'));

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'node_modules'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.js'] } } },
    rules: {
      'no-console': 'error',
      'max-lines': ['error', { max: budgets.fileLines }],
      'max-lines-per-function': ['error', { max: budgets.functionLines }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // A number in a template is what is meant here; objects are still refused.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    // A describe block is a function only in name; a test may read a value that it has just put there.
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    // What talks to a terminal.
    files: ['scripts/**/*.ts', 'src/cli/**/*.ts', 'src/cli.ts', 'test/support/reporter.ts'],
    rules: { 'no-console': 'off' },
  },
  { files: ['*.js'], ...tseslint.configs.disableTypeChecked },
);
