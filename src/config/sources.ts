/**
 * Sources of settings and their precedence: flag over environment over JSON file over default. An error names the field
 * and the source of its value.
 */
import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.js';
import type { Setting, Settings, Values } from './settings.js';

/** Raw values, before any check. Flags are keyed like the fields, in camel case. */
export interface Sources {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file; also taken from KVORUM_CONFIG. */
  readonly file?: string | undefined;
}

export const flagName = (field: string): string => `--${kebab(field)}`;
export const environmentName = (field: string): string => `KVORUM_${kebab(field).replaceAll('-', '_').toUpperCase()}`;

const kebab = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

interface RawValue {
  readonly value: unknown;
  readonly place: string;
}

/** Checks every setting of `table`. @throws ConfigError naming the first field that is wrong. */
export function readSettings<S extends Settings>(table: S, sources: Sources): Values<S> {
  const path = sources.file ?? sources.environment['KVORUM_CONFIG'];
  const file = path === undefined ? undefined : readFile(path, table);
  const values: Record<string, unknown> = {};
  for (const [field, setting] of Object.entries(table)) {
    values[field] = check(field, setting, find(field, sources, file, path));
  }
  return values as Values<S>;
}

function find(
  field: string,
  sources: Sources,
  file: Readonly<Record<string, unknown>> | undefined,
  path: string | undefined,
): RawValue | undefined {
  const flag = sources.flags[field];
  if (flag !== undefined) return { value: flag, place: `flag ${flagName(field)}` };
  const variable = environmentName(field);
  const fromEnvironment = sources.environment[variable];
  if (fromEnvironment !== undefined) return { value: fromEnvironment, place: `environment variable ${variable}` };
  if (file === undefined || !Object.hasOwn(file, field)) return undefined;
  return { value: file[field], place: `field ${field} of ${path ?? 'the file'}` };
}

function check(field: string, setting: Setting<unknown>, given: RawValue | undefined): unknown {
  const result = setting.schema.safeParse(given?.value);
  if (result.success) return result.data;
  if (given === undefined) {
    throw new ConfigError(
      field,
      `${field} is missing: say ${flagName(field)} ${setting.placeholder ?? ''}, or ${environmentName(field)}, or ${field} in a --config file`,
    );
  }
  const complaint = result.error.issues[0]?.message ?? 'is not valid';
  throw new ConfigError(field, `${field} ${complaint}; got ${shown(given.value)} (${given.place})`);
}

/** The value as short text on one line. */
function shown(value: unknown): string {
  const written = typeof value === 'string' ? value : JSON.stringify(value);
  // JSON.stringify also escapes characters that would move a terminal's cursor.
  return JSON.stringify(written.length > 80 ? `${written.slice(0, 80)}…` : written);
}

function readFile(path: string, table: Settings): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError('config', `cannot read the configuration file ${path}: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new ConfigError('config', `the configuration file ${path} must hold one JSON object`);
  }
  for (const field of Object.keys(parsed)) {
    if (!Object.hasOwn(table, field)) {
      throw new ConfigError(
        field,
        `${field} is no known field (file ${path}); known are ${Object.keys(table).join(', ')}`,
      );
    }
  }
  return parsed as Readonly<Record<string, unknown>>;
}
