/** All schemas of the data routes, for `/openapi.json`. */
export * from './answer-schemas.js';
export { QUERY } from './parameters.js';
export {
  batchBody,
  comparison,
  incrementBody,
  namespaceBody,
  operation,
  touchBody,
  transactionBody,
} from './schemas.js';
