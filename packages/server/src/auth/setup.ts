import { timingSafeEqual } from 'node:crypto'
import { authErrors } from '@nixen/api'
import { hashSecret, newSecret } from './secrets.ts'

/** The one-time door of an installation without users. Its token lives in this process only and is printed when it starts. */
export class SetUp {
  #hash: string | undefined

  /** Makes the token that the set-up link carries. */
  offer(): string {
    const token = newSecret()
    this.#hash = hashSecret(token)
    return token
  }

  /** @throws auth.setup_done, auth.setup_token */
  demand(token: string): void {
    if (this.#hash === undefined) throw authErrors.setup_done()
    if (!timingSafeEqual(Buffer.from(hashSecret(token)), Buffer.from(this.#hash))) throw authErrors.setup_token()
  }

  get open(): boolean {
    return this.#hash !== undefined
  }

  /** After a set-up that failed: the same token works again. */
  reopen(token: string): void {
    this.#hash = hashSecret(token)
  }

  close(): void {
    this.#hash = undefined
  }
}
