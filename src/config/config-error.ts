/**
 * An error of a configuration; the message names the field and where its value came from.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** The setting's name as in a JSON file, such as `maxValueBytes`; empty when no single one is to blame. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}
