import { randomBytes, scrypt } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import { isRecord } from '@nixen/core'
import { damaged } from '../errors.ts'
import { Sealer, type MasterKey } from './seal.ts'

/** Cost of scrypt. restic's own calibration gives about these. */
export interface KdfParameters {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** 32 MiB and about 100 ms. */
export const defaultKdf: KdfParameters = { N: 32_768, r: 8, p: 1 }

/** A parsed key file: `keys/<sha256 of its bytes>`, JSON in the clear; `data` is the master key sealed with the password's key. */
export interface KeyFile {
  readonly created: string
  readonly username: string
  readonly hostname: string
  readonly kdf: 'scrypt'
  readonly N: number
  readonly r: number
  readonly p: number
  readonly salt: string
  readonly data: string
}

/** Limits against a key file that would take all memory or all day: at most 1 GiB and 2^26 block mixes. */
const maxMemory = 1 << 30
const maxWork = 2 ** 26

/** A new random master key. */
export function newMasterKey(): MasterKey {
  return { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) }
}

/** The bytes of a key file that opens `master` with `password`. */
export async function makeKeyFile(
  master: MasterKey,
  password: string,
  options: { kdf?: KdfParameters; now?: number; hostname?: string; username?: string } = {},
): Promise<Uint8Array> {
  const { kdf = defaultKdf, now = Date.now() } = options
  const salt = randomBytes(64)
  const sealer = new Sealer(await passwordKey(password, salt, kdf))
  const secret = {
    mac: { k: base64(master.macK), r: base64(master.macR) },
    encrypt: base64(master.encrypt),
  }
  const file: KeyFile = {
    created: new Date(now).toISOString(),
    username: options.username ?? localUser(),
    hostname: options.hostname ?? hostname(),
    kdf: 'scrypt',
    ...kdf,
    salt: base64(salt),
    data: base64(sealer.seal(Buffer.from(JSON.stringify(secret)))),
  }
  return Buffer.from(JSON.stringify(file))
}

/** Parses a key file; `backup.file_damaged` when it is none. */
export function parseKeyFile(name: string, bytes: Uint8Array): KeyFile {
  const value = parseJson(bytes)
  if (!isRecord(value) || value['kdf'] !== 'scrypt') throw damaged('key', name, 'not a scrypt key file')
  const { N, r, p, salt, data, created, username, hostname: host } = value
  if (![N, r, p].every((x) => Number.isSafeInteger(x) && Number(x) > 0)) throw damaged('key', name, 'no scrypt cost')
  if (typeof salt !== 'string' || typeof data !== 'string') throw damaged('key', name, 'no salt or no data')
  const cost = { N: Number(N), r: Number(r), p: Number(p) }
  if (128 * cost.N * cost.r > maxMemory || cost.N * cost.r * cost.p > maxWork) {
    throw damaged('key', name, 'the cost of scrypt is beyond all reason')
  }
  return { created: text(created), username: text(username), hostname: text(host), kdf: 'scrypt', ...cost, salt, data }
}

/** The master key, or `undefined` when `password` is not the one of this key file. */
export async function openKeyFile(name: string, file: KeyFile, password: string): Promise<MasterKey | undefined> {
  const user = await passwordKey(password, Buffer.from(file.salt, 'base64'), file).catch((error: unknown) => {
    throw damaged('key', name, 'scrypt refuses its cost', error)
  })
  const plaintext = new Sealer(user).open(Buffer.from(file.data, 'base64'))
  if (!plaintext) return undefined
  const secret = parseJson(plaintext)
  const mac = isRecord(secret) ? secret['mac'] : undefined
  if (!isRecord(secret) || !isRecord(mac)) throw damaged('key', name, 'no master key inside')
  const master = {
    encrypt: Buffer.from(text(secret['encrypt']), 'base64'),
    macK: Buffer.from(text(mac['k']), 'base64'),
    macR: Buffer.from(text(mac['r']), 'base64'),
  }
  if (master.encrypt.length !== 32 || master.macK.length !== 16 || master.macR.length !== 16) {
    throw damaged('key', name, 'the master key has a wrong length')
  }
  return master
}

/** restic's derivation: 64 bytes of scrypt are the AES-256 key, the MAC's k and the MAC's r. */
function passwordKey(password: string, salt: Uint8Array, { N, r, p }: KdfParameters): Promise<MasterKey> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 64, { N, r, p, maxmem: 256 * N * r + (1 << 20) }, (error, key) => {
      if (error) return reject(error)
      resolve({ encrypt: key.subarray(0, 32), macK: key.subarray(32, 48), macR: key.subarray(48, 64) })
    })
  })
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    // The caller says what is damaged.
    return undefined
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function localUser(): string {
  try {
    return userInfo().username
  } catch {
    // A container without an entry for this user.
    return 'unknown'
  }
}
