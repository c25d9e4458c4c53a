import { fieldsOf, type EndpointSpec } from '@nixen/api'
import { isRecord } from '@nixen/core'

/** Fields that are secret without saying so in the schema. */
const secret: ReadonlySet<string> = new Set([
  'token',
  'code',
  'current',
  'password',
  'secret',
  'key',
  'certificate',
  'cloudInit',
])
/** Longest text of a field in the log, UTF-16 code units. */
const longest = 500

/** The input of a request as the audit log keeps it: without secrets, long texts cut. `undefined` when there is nothing to keep. */
export function auditDetails(endpoint: EndpointSpec, input: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(input) || Object.keys(input).length === 0) return undefined
  const hidden = new Set(secret)
  for (const { name, schema } of endpoint.input ? fieldsOf(endpoint.input) : []) {
    if (schema.meta()?.['writeOnly'] === true) hidden.add(name)
  }
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [name, hidden.has(name) && value !== null ? '***' : cut(value)]),
  )
}

function cut(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) => (isSecret(key) && inner !== null ? '***' : inner)) ?? ''
  if (text.length > longest) return `${text.slice(0, longest)}…`
  return text === '' ? undefined : (JSON.parse(text) as unknown)
}

/** Fields within others: `key` and `code` are names of ordinary things there. */
function isSecret(name: string): boolean {
  return secret.has(name) && name !== 'key' && name !== 'code'
}
