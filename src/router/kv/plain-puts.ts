/**
 * Bodies that are nothing but puts of JSON, with a key and a value and no other member: most are, and it takes longer to
 * check them by the schemas than to read them. What these let through, the schemas do, too, as it is
 * (`test/router/body-fuzz.test.ts`); everything else, and all that is wrong, is for the schemas.
 */
import { MAX_BATCH_OPERATIONS } from '../../shard/index.js';
import { JsonText } from './read-json.js';
import { batchBody, checked, transactionBody, type BatchBody, type TransactionBody } from './schemas.js';

/** @param document by `readJson` @throws KvorumError `invalid-request` */
export function batchIn(document: unknown): BatchBody {
  return isPlain<BatchBody>(document, 'ops') ? document : checked(batchBody, document, '');
}

/** @param document by `readJson` @throws KvorumError `invalid-request` */
export function transactionOf(document: unknown): TransactionBody {
  return isPlain<TransactionBody>(document, 'then') ? document : checked(transactionBody, document, '');
}

type Unread = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Unread => typeof value === 'object' && value !== null;

/** @param list the only member */
function isPlain<B extends object>(document: unknown, list: keyof B & string): document is B {
  if (!isObject(document) || Object.keys(document).length !== 1) return false;
  const items = document[list];
  return Array.isArray(items) && items.length > 0 && items.length <= MAX_BATCH_OPERATIONS && items.every(isPlainPut);
}

function isPlainPut(item: unknown): boolean {
  if (!isObject(item) || item['op'] !== 'put') return false;
  if (!(item['key'] instanceof JsonText) || !(item['value'] instanceof JsonText)) return false;
  for (const name in item) if (name !== 'op' && name !== 'key' && name !== 'value') return false;
  return true;
}
