/** Version of the testkit. */
export const testkitVersion = '0.1.0'

export { makeCertificate, type TestCertificate, type TestCertificateOptions } from './tls.ts'
export { ApiError, RawJson, type CallContext, type MethodHandler, type ScriptedCalls } from './xapi-server/calls.ts'
export { ScriptedDatabase, type Batch, type WireRecord } from './xapi-server/database.ts'
export type { Fault, FaultRule } from './xapi-server/faults.ts'
export { blankRecord } from './xapi-server/model.ts'
export { buildSyntheticPool, type SyntheticPoolOptions } from './xapi-server/pool.ts'
export {
  startScriptedXapi,
  type RouteContext,
  type RouteHandler,
  type ScriptedXapi,
  type ScriptedXapiOptions,
  type SeenRequest,
} from './xapi-server/server.ts'
