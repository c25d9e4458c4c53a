import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '@nixen/core'
import { serverErrors } from '../errors.ts'
import { writeWhole } from '../state/write-whole.ts'

/** Seals secrets for the database. */
export interface Vault {
  /** Id of the key that new secrets are sealed with. */
  readonly current: string
  /**
   * `v1.KEY.BASE64URL`: AES-256-GCM with a random nonce of 12 bytes before and the tag of 16 behind. `context` says what the
   * secret belongs to (`connection:ID:password`); one that was moved elsewhere does not open.
   */
  seal(secret: string, context: string): string
  /** @throws server.key_missing, server.secret_damaged */
  open(sealed: string, context: string): string
}

interface Key {
  readonly id: string
  readonly bytes: Buffer
}

/** Reads `master.key`, or makes it: a line `ID BASE64` for each key, the current one first. @throws server.key_damaged */
export function openVault(folder: string): Vault {
  const path = join(folder, 'master.key')
  const keys = existsSync(path) ? readKeys(path) : [newKey()]
  if (!existsSync(path)) writeKeys(path, keys)
  return vaultOf(path, keys)
}

/** Puts a new key first. What is sealed with the old ones still opens, until {@link dropOldKeys}. */
export function addKey(folder: string): Vault {
  const path = join(folder, 'master.key')
  const keys = [newKey(), ...readKeys(path)]
  writeKeys(path, keys)
  return vaultOf(path, keys)
}

/** Forgets all keys but the current one; only when nothing is sealed with them any more. */
export function dropOldKeys(folder: string): Vault {
  const path = join(folder, 'master.key')
  const keys = readKeys(path).slice(0, 1)
  writeKeys(path, keys)
  return vaultOf(path, keys)
}

function vaultOf(path: string, keys: readonly Key[]): Vault {
  const [current] = keys
  if (!current) throw serverErrors.key_damaged({ path, reason: 'it holds no key' })
  return {
    current: current.id,
    seal(secret, context) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', current.bytes, nonce).setAAD(Buffer.from(context))
      const text = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `v1.${current.id}.${text.toString('base64url')}`
    },
    open(sealed, context) {
      const [version, id = '', text = ''] = sealed.split('.')
      const key = keys.find((candidate) => candidate.id === id)
      if (version === 'v1' && !key) throw serverErrors.key_missing({ path, key: id })
      const bytes = Buffer.from(text, 'base64url')
      if (!key || version !== 'v1' || bytes.length < 28) throw serverErrors.secret_damaged({ what: context })
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, 12))
        decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-16))
        return decipher.update(bytes.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8')
      } catch (cause) {
        throw serverErrors.secret_damaged({ what: context }, { cause })
      }
    },
  }
}

function newKey(): Key {
  return { id: randomBytes(4).toString('hex'), bytes: randomBytes(32) }
}

function readKeys(path: string): readonly Key[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw serverErrors.state_unusable({ path, reason: messageOf(cause) }, { cause })
  }
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line, index) => {
    const [, id, encoded] = /^([0-9a-f]{8}) ([A-Za-z0-9+/]{43}=)$/.exec(line) ?? []
    if (id === undefined || encoded === undefined) {
      throw serverErrors.key_damaged({ path, reason: `line ${index + 1} is not a key` })
    }
    return { id, bytes: Buffer.from(encoded, 'base64') }
  })
}

function writeKeys(path: string, keys: readonly Key[]): void {
  writeWhole(path, keys.map(({ id, bytes }) => `${id} ${bytes.toString('base64')}\n`).join(''))
}
