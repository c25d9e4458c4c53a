import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { authErrors } from '@nixen/api'
import { Semaphore } from '@nixen/core'

const derive = promisify(argon2)
/** OWASP's smallest recommended argon2id: 19 MiB, two passes, one lane; about 30 ms of one core. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 } as const
const tagLength = 32
/** At most this many at a time, so that a flood of log-ins takes neither all memory nor all threads. */
const places = new Semaphore(2)

/** Hashes a password: a PHC string, `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16)
  const tag = await places.run(() => derive('argon2id', { message: bytesOf(password), nonce, tagLength, ...cost }))
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${encode(nonce)}$${encode(tag)}`
}

/** Whether `password` is the one that was hashed. Takes as long for an unknown user, with `undefined`. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(stored ?? nobody)
  const [, memory, passes, parallelism, salt = '', hash = ''] = parts ?? []
  if (!parts) return false
  const expected = Buffer.from(hash, 'base64')
  const found = await places.run(() =>
    derive('argon2id', {
      message: bytesOf(password),
      nonce: Buffer.from(salt, 'base64'),
      tagLength: expected.length,
      memory: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
    }),
  )
  return timingSafeEqual(found, expected) && stored !== undefined
}

/** A hash that no password has been found for: random bytes at today's cost. */
const nobody = `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${encode(randomBytes(16))}$${encode(randomBytes(tagLength))}`

/** Throws `auth.weak_password` with the reason. Length counts, and that it is not what everybody tries first (NIST SP 800-63B §3.1.1.2). */
export function demandStrongPassword(password: string, userName: string): void {
  const folded = password.normalize('NFKC').toLowerCase()
  if (Array.from(folded).length < 12) throw authErrors.weak_password({ reason: 'it needs at least 12 characters.' })
  if (folded.includes(userName.toLowerCase()) && folded.length < userName.length + 8) {
    throw authErrors.weak_password({ reason: 'it is little more than the log-in name.' })
  }
  if (new Set(folded).size < 5) throw authErrors.weak_password({ reason: 'it repeats the same few characters.' })
  const plain = folded.replaceAll(/[^\p{L}\p{N}]/gu, '')
  if (common.test(plain)) throw authErrors.weak_password({ reason: 'it is one of the first that anybody tries.' })
}

/** Whole passwords of twelve characters and more that lists of leaked ones begin with. */
const common =
  /^(password\d*|(password){2,}|1234567890(12|123|1234)?|0123456789\d*|qwertyuiop\d*|qwerty\d{6,}|administrator\d*|letmein\d+|changeme\d+|iloveyou\d+|nixen\d*)$/

/** The same password typed on two keyboards is one (RFC 8265). */
function bytesOf(password: string): Buffer {
  return Buffer.from(password.normalize('NFC'), 'utf8')
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
