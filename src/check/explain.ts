/** What is known about an illegal history. So far only the key. */
export interface Failure {
  readonly key: string;
}

export function explainFailure(key: string): Failure {
  return { key };
}
