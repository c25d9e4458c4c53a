import { randomBytes } from 'node:crypto'
import type { UserId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Db } from '../db/tables.ts'
import type { Vault } from '../keys/master-key.ts'
import { hashSecret } from './secrets.ts'
import { checkTotp, newTotpSecret } from './totp.ts'

/** What is kept of a user's second factor. */
export interface FactorRow {
  readonly id: UserId
  readonly totp: string | null
  readonly totp_step: number | null
  readonly recovery_json: string | null
}

/** One-time codes of users. Each code, and each recovery code, works once. */
export class SecondFactor {
  readonly #db: Db
  readonly #vault: Vault
  readonly #clock: Clock

  constructor({ db, vault, clock }: { db: Db; vault: Vault; clock: Clock }) {
    this.#db = db
    this.#vault = vault
    this.#clock = clock
  }

  /** Whether the code is right; a right one is used up. */
  async check(row: FactorRow, code: string): Promise<boolean> {
    if (row.totp === null) return false
    if (!/^\d{6}$/.test(code)) return await this.#useRecovery(row, code)
    const secret = this.#vault.open(row.totp, contextOf(row.id))
    const step = checkTotp(code, { secret, now: this.#clock.now(), after: row.totp_step ?? 0 })
    if (step === undefined) return false
    // Only the first of two requests with one code finds the old step.
    const result = await this.#db
      .updateTable('users')
      .set({ totp_step: step })
      .where('id', '=', row.id)
      .where((of) => of.or([of('totp_step', 'is', null), of('totp_step', '<', step)]))
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  }

  /** Makes a secret that counts once a code of it is shown. */
  async offer(user: UserId): Promise<string> {
    const secret = newTotpSecret()
    const sealed = this.#vault.seal(secret, contextOf(user))
    await this.#db.updateTable('users').set({ totp_offer: sealed }).where('id', '=', user).execute()
    return secret
  }

  /** Turns the offered secret on; gives the recovery codes, or `undefined` when the code is wrong. */
  async confirm(user: UserId, { offer, code }: { offer: string; code: string }): Promise<string[] | undefined> {
    const secret = this.#vault.open(offer, contextOf(user))
    const step = checkTotp(code, { secret, now: this.#clock.now(), after: 0 })
    if (step === undefined) return undefined
    const codes = Array.from({ length: 10 }, () =>
      randomBytes(10)
        .toString('hex')
        .replaceAll(/(.{5})(?!$)/g, '$1-'),
    )
    await this.#db
      .updateTable('users')
      .set({
        totp: offer,
        totp_offer: null,
        totp_step: step,
        recovery_json: JSON.stringify(codes.map((text) => hashSecret(text))),
      })
      .where('id', '=', user)
      .execute()
    return codes
  }

  async remove(user: UserId): Promise<void> {
    const nothing = { totp: null, totp_offer: null, totp_step: null, recovery_json: null }
    await this.#db.updateTable('users').set(nothing).where('id', '=', user).execute()
  }

  /** Seals every secret with the current key. */
  async sealAgain(): Promise<void> {
    const rows = await this.#db.selectFrom('users').select(['id', 'totp', 'totp_offer']).execute()
    for (const { id, totp, totp_offer: offer } of rows) {
      const again = (sealed: string | null): string | null =>
        sealed === null ? null : this.#vault.seal(this.#vault.open(sealed, contextOf(id)), contextOf(id))
      const values = { totp: again(totp), totp_offer: again(offer) }
      await this.#db.updateTable('users').set(values).where('id', '=', id).execute()
    }
  }

  async #useRecovery({ id, recovery_json: json }: FactorRow, code: string): Promise<boolean> {
    // Written above.
    const hashes = JSON.parse(json ?? '[]') as string[]
    const used = hashSecret(code)
    if (!hashes.includes(used)) return false
    const left = JSON.stringify(hashes.filter((hash) => hash !== used))
    const result = await this.#db
      .updateTable('users')
      .set({ recovery_json: left })
      .where('id', '=', id)
      .where('recovery_json', '=', json)
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  }
}

function contextOf(user: UserId): string {
  return `user:${user}:totp`
}
