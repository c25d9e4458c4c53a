import { isRecord } from '@nixen/core'

/** Keys of maps whose values are secrets: `chappassword`, `password`, `auth_token`, … */
const secretKey = /pass(?:w|phrase|$)|secret|token|credential|private[-_]?key/i
/** A reference to a `secret` object; useless without its value. */
const secretReference = /_secret$/i

/** Said in every dump. */
export const omissions: readonly string[] = [
  'secret.value is empty',
  'Map entries whose keys look like secrets (pass…, secret, token, credential, private key) are left out',
  'Sessions and tasks are left out; session references in texts are removed',
]

/** A record without its secrets. */
export function withoutSecrets(cls: string, record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(record)) {
    if (cls === 'secret' && name === 'value') kept[name] = ''
    else kept[name] = isRecord(value) ? withoutSecretKeys(value) : withoutSession(value)
  }
  return kept
}

function withoutSecretKeys(map: Readonly<Record<string, unknown>>): object {
  const open = Object.entries(map).filter(([key]) => !secretKey.test(key) || secretReference.test(key))
  // `fromEntries` defines properties, so a key such as `__proto__` is a key like any other.
  return Object.fromEntries(open.map(([key, value]) => [key, withoutSession(value)]))
}

/** URLs of the API may carry the session that may use them, or a password. */
function withoutSession(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return value.replaceAll(/([?&]session_id=)[^&\s"]*/g, '$1').replaceAll(/(\w+:\/\/[^/\s:@]+):[^/\s@]+@/g, '$1@')
}
