import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** Mechanisms of RFC 5802 and 7677, the strongest first. */
export const scramHashes: Readonly<Record<string, { readonly hash: string; readonly bytes: number }>> = {
  'SCRAM-SHA-512': { hash: 'sha512', bytes: 64 },
  'SCRAM-SHA-256': { hash: 'sha256', bytes: 32 },
  'SCRAM-SHA-1': { hash: 'sha1', bytes: 20 },
}
/** More rounds than this are an attack on our time. */
const maxRounds = 10_000_000

const deriveKey = promisify(pbkdf2)

/** One log-in by SCRAM, from the client's side. Throws an `Error` with a sentence when the server is not who it should be. */
export class ScramClient {
  readonly #mechanism: { readonly hash: string; readonly bytes: number }
  readonly #password: string
  readonly #nonce: string
  readonly #first: string
  #serverSignature: Buffer | undefined

  constructor(
    mechanism: string,
    {
      username,
      password,
      nonce = randomBytes(18).toString('base64'),
    }: { username: string; password: string; nonce?: string },
  ) {
    const known = scramHashes[mechanism]
    if (!known) throw new Error(`${mechanism} is not known`)
    this.#mechanism = known
    this.#password = password.normalize('NFKC')
    this.#nonce = nonce
    const name = username.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.#first = `n=${name},r=${nonce}`
  }

  /** The first message. */
  start(): string {
    return `n,,${this.#first}`
  }

  /** The answer to what the server sent first. */
  async next(server: string): Promise<string> {
    const { r: nonce = '', s: salt = '', i: rounds = '' } = fieldsOf(server)
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw new Error('the server did not use our nonce')
    const count = Number(rounds)
    if (!Number.isInteger(count) || count < 1 || count > maxRounds) throw new Error(`the server wants ${rounds} rounds`)
    const { hash, bytes } = this.#mechanism
    const salted = await deriveKey(this.#password, Buffer.from(salt, 'base64'), count, bytes, hash)
    const final = `c=biws,r=${nonce}`
    const signed = `${this.#first},${server},${final}`
    const clientKey = this.#hmac(salted, 'Client Key')
    const signature = this.#hmac(createHash(hash).update(clientKey).digest(), signed)
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), signed)
    const proof = clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))
    return `${final},p=${Buffer.from(proof).toString('base64')}`
  }

  /** Checks the server's last message: it knows the password too. */
  finish(server: string): void {
    const { v: found = '', e: refusal } = fieldsOf(server)
    if (refusal !== undefined) throw new Error(refusal)
    const signature = Buffer.from(found, 'base64')
    const wanted = this.#serverSignature
    if (!wanted || signature.length !== wanted.length || !timingSafeEqual(signature, wanted)) {
      throw new Error('the server does not know the password')
    }
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#mechanism.hash, key).update(text).digest()
  }
}

function fieldsOf(message: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    message.split(',').map((part) => {
      const at = part.indexOf('=')
      return [part.slice(0, at), part.slice(at + 1)]
    }),
  )
}
