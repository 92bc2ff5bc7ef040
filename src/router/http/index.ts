/** What both HTTP fronts share: requests and responses as values, headers, targets, bodies, problems, limits. */
export { preferredType } from './accept.js';
export {
  type BufferedMethod,
  BufferedRequest,
  type PartialRequest,
  type RequestBounds,
  RequestRecogniser,
} from './buffered-request.js';
export { BufferedResponse, type ResponseSink } from './buffered-response.js';
export type { DataRequest, DataResponse } from './data-request.js';
export * as headersOf from './headers.js';
export { ENVELOPE, type Forwarding } from './headers.js';
export { parseMediaType } from './media-type.js';
export { DEFAULT_LIMITS, type Limits, limitsOf } from './limits.js';
export { HttpProblem, invalid, type Problem, type ProblemCode, problemMembers, problemOf } from './problems.js';
export { HEADERS, type HeaderName, parameter, type ReturnWish } from './parameters.js';
export { compact, ReceiveBudget, ReceivedPieces, type ReceiveObserver } from './receive-budget.js';
export { rawProblem, refuseThrown, RequestIds, SECURITY_HEADERS, sendJson, sendProblem } from './respond.js';
export { StreamedRequest } from './streamed-request.js';
export { absoluteForm, decodePercent, parseQuery, splitTarget } from './target.js';
